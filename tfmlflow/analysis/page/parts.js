"use strict";
// What the pages of a comparison and of a run are made of. Text goes into them by textContent alone.
const parts = (() => {
  const main = document.getElementById("main");
  const esc = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const cut = (text, width) => { // the middle is left out: what differs is often at the end
    const all = String(text), tail = Math.floor((width - 1) / 3);
    return all.length > width ? all.slice(0, width - 1 - tail) + "…" + all.slice(all.length - tail) : all;
  };
  const missing = (value) => value === null || value === undefined;
  function make(kind, attributes, ...children) {
    const node = document.createElement(kind);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else node.setAttribute(key, value);
    }
    for (const child of children) node.append(child);
    return node;
  }
  function number(value) {
    if (missing(value)) return "–";
    const size = Math.abs(value);
    return size === 0 || (size >= 1e-3 && size < 1e4) ? value.toFixed(4) : value.toPrecision(3);
  }
  function duration(seconds) {
    if (missing(seconds)) return "–";
    if (seconds < 90) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
    return seconds < 5400 ? (seconds / 60).toFixed(0) + " min" : (seconds / 3600).toFixed(1) + " h";
  }
  function section(title, ...children) {
    const node = make("section", {}, make("h2", {}, title), ...children);
    main.append(node);
    return node;
  }
  function simple(headers, lines, kind) {
    const body = make("tbody", {}, ...lines.map((line) => make("tr", {}, ...line.map((cell) => make("td", {}, missing(cell) ? "–" : String(cell))))));
    return make("div", { class: "scroll" }, make("table", { class: kind || "wrap" }, make("thead", {}, make("tr", {}, ...headers.map((h) => make("th", {}, h)))), body));
  }
  return { main, esc, cut, missing, make, number, duration, section, simple };
})();
