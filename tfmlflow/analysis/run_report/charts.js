"use strict";
// Small charts as SVG, in the page's own colours. Each is drawn for a width, and grows and shrinks with its place.
const charts = (() => {
  const { make, number, cut } = parts;
  const COLOURS = 10, WIDTH = 420, HEIGHT = 260, LEFT = 62, RIGHT = 12, TOP = 10, BOTTOM = 38;
  const colour = (place) => `var(--c${place % COLOURS})`;
  function svg(kind, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }
  const short = (value) => (value === 0 ? "0" : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3 ? value.toExponential(1).replace(".0e", "e") : String(+value.toPrecision(4)));

  // ---- axes --------------------------------------------------------------------------------------------------------
  function scale(values, begin, end, { log = false, whole = false, range = null } = {}) {
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    let [low, high] = range || [Math.min(...known), Math.max(...known)];
    if (!known.length && !range) [low, high] = [0, 1];
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    if (high - low < 1e-12 * Math.max(1, Math.abs(low))) { const half = Math.abs(low) * 0.05 || 0.5; low -= half; high += half; }
    const to = (value) => begin + (((log ? Math.log10(value) : value) - low) / (high - low)) * (end - begin);
    let step = 10 ** Math.floor(Math.log10((high - low) / 4));
    step *= [1, 2, 5, 10].find((factor) => (high - low) / (step * factor) <= 5.5);
    if (whole || log) step = Math.max(1, Math.round(step));
    const ticks = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step) ticks.push(log ? 10 ** tick : Math.abs(tick) < step * 1e-6 ? 0 : +tick.toPrecision(12));
    return { to, ticks: ticks.length ? ticks : [log ? 10 ** low : low], back: (place) => { const value = low + ((place - begin) / (end - begin)) * (high - low); return log ? 10 ** value : value; } };
  }
  function frame(x, y, xlabel, ylabel, title) {
    const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title || ylabel });
    for (const tick of y.ticks) root.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y.to(tick), y2: y.to(tick) }), svg("text", { x: LEFT - 6, y: y.to(tick) + 4, "text-anchor": "end" }, short(tick)));
    for (const tick of x.ticks) root.append(svg("text", { x: x.to(tick), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, short(tick)));
    root.append(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, xlabel));
    if (ylabel) root.append(svg("text", { x: 12, y: (TOP + HEIGHT - BOTTOM) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(TOP + HEIGHT - BOTTOM) / 2})` }, cut(ylabel, 34)));
    return root;
  }
  const across = (values, options) => scale(values, LEFT, WIDTH - RIGHT, options), upward = (values, options) => scale(values, HEIGHT - BOTTOM, TOP, options);

  // ---- what answers the pointer ------------------------------------------------------------------------------------
  function tipped(root, find) {
    const tip = make("div", { class: "tip", hidden: "" }), holder = make("div", { class: "chart" }, root, tip);
    root.addEventListener("pointermove", (event) => {
      const box = root.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * WIDTH, y = ((event.clientY - box.top) / box.height) * HEIGHT;
      const said = find(x, y);
      tip.hidden = !said;
      if (!said) return;
      tip.textContent = said;
      tip.style.left = `${Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth)}px`;
      tip.style.top = `${event.clientY - box.top + 12}px`;
    });
    root.addEventListener("pointerleave", () => { tip.hidden = true; });
    return holder;
  }
  function legend(series) {
    return make("div", { class: "legend" }, ...series.map((one, place) => make("span", {}, make("i", { style: `background: ${colour(one.colour ?? place)}` }), cut(one.label ?? one.name, 40))));
  }

  // ---- charts ------------------------------------------------------------------------------------------------------
  function lines(series, { xlabel, ylabel, log = false, whole = false, xrange = null, yrange = null, guide = null, mark = null, dots = null }) {
    const x = across(series.flatMap((one) => one.x), { whole, range: xrange }), y = upward(series.flatMap((one) => one.y), { log, range: yrange });
    const root = frame(x, y, xlabel, ylabel, `${ylabel} by ${xlabel}`);
    if (guide) root.append(svg("line", { class: "guide", x1: x.to(guide[0][0]), y1: y.to(guide[0][1]), x2: x.to(guide[1][0]), y2: y.to(guide[1][1]) }));
    if (mark !== null && mark !== undefined) root.append(svg("line", { class: "guide", x1: x.to(mark), x2: x.to(mark), y1: TOP, y2: HEIGHT - BOTTOM }));
    series.forEach((one, place) => {
      const stroke = colour(one.colour ?? place);
      let pen = "M";
      const path = one.x.map((at, i) => { if (one.y[i] === null) { pen = "M"; return ""; } const said = `${pen}${x.to(at).toFixed(1)},${y.to(one.y[i]).toFixed(1)}`; pen = "L"; return said; }).join("");
      root.append(svg("path", { class: "curve", d: path, style: `stroke: ${stroke}` }));
      if (dots ?? one.x.length < 40) one.x.forEach((at, i) => { if (one.y[i] !== null) root.append(svg("circle", { cx: x.to(at), cy: y.to(one.y[i]), r: 2.4, style: `fill: ${stroke}` })); });
    });
    const holder = tipped(root, (at) => {
      const wanted = x.back(at), nearest = (one) => one.x.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(one.x[best] - wanted) ? i : best), 0);
      const found = series.filter((one) => one.x.length).map((one) => [one, nearest(one)]);
      return found.length ? [`${xlabel} ${short(found[0][0].x[found[0][1]])}`, ...found.slice(0, 12).map(([one, i]) => `${cut(one.name, 24)}: ${number(one.y[i])}`)].join("\n") : "";
    });
    return series.length > 1 || series.some((one) => one.label) ? make("div", {}, holder, legend(series)) : holder;
  }
  function scatter(xs, ys, { xlabel, ylabel, diagonal = false, level = null }) {
    const all = diagonal ? [...xs, ...ys] : null;
    const x = across(all || xs), y = upward(all || (level === null ? ys : [...ys, level])), root = frame(x, y, xlabel, ylabel, `${ylabel} by ${xlabel}`);
    if (diagonal) { const ends = [Math.min(...all), Math.max(...all)]; root.append(svg("line", { class: "guide", x1: x.to(ends[0]), y1: y.to(ends[0]), x2: x.to(ends[1]), y2: y.to(ends[1]) })); }
    if (level !== null) root.append(svg("line", { class: "guide", x1: LEFT, x2: WIDTH - RIGHT, y1: y.to(level), y2: y.to(level) }));
    xs.forEach((at, i) => root.append(svg("circle", { cx: x.to(at).toFixed(1), cy: y.to(ys[i]).toFixed(1), r: 2.6, style: `fill: ${colour(0)}; opacity: .55` })));
    return tipped(root, (left, top) => {
      let best = -1, least = 200;
      xs.forEach((at, i) => { const far = (x.to(at) - left) ** 2 + (y.to(ys[i]) - top) ** 2; if (far < least) { least = far; best = i; } });
      return best < 0 ? "" : `${xlabel} ${short(xs[best])}\n${ylabel} ${short(ys[best])}`;
    });
  }
  function bars(counts, edges, { xlabel, ylabel, line = null, yrange = null, guide = null }) {
    const x = across(edges, { range: [edges[0], edges[edges.length - 1]] }), y = upward(counts, { range: yrange || [0, Math.max(1e-9, ...counts)] });
    const root = frame(x, y, xlabel, ylabel, `${ylabel} by ${xlabel}`), floor = HEIGHT - BOTTOM;
    counts.forEach((count, i) => root.append(svg("rect", { x: x.to(edges[i]) + 0.5, width: Math.max(0.5, x.to(edges[i + 1]) - x.to(edges[i]) - 1), y: y.to(count), height: Math.max(0, floor - y.to(count)), style: `fill: ${colour(0)}; opacity: ${line ? 0.25 : 0.75}` })));
    if (guide) root.append(svg("line", { class: "guide", x1: x.to(guide[0][0]), y1: y.to(guide[0][1]), x2: x.to(guide[1][0]), y2: y.to(guide[1][1]) }));
    if (line) {
      const there = line.x.map((at, i) => [at, line.y[i]]).filter(([at, value]) => at !== null && value !== null);
      root.append(svg("path", { class: "curve", d: there.map(([at, value], i) => `${i ? "L" : "M"}${x.to(at)},${y.to(value)}`).join(""), style: `stroke: ${colour(1)}` }));
      for (const [at, value] of there) root.append(svg("circle", { cx: x.to(at), cy: y.to(value), r: 3, style: `fill: ${colour(1)}` }));
    }
    return tipped(root, (at) => {
      const value = x.back(at), i = edges.findIndex((edge, place) => value >= edge && value < edges[place + 1]);
      return i < 0 || i >= counts.length ? "" : [`${short(edges[i])} to ${short(edges[i + 1])}`, `${ylabel}: ${short(counts[i])}`, ...(line && line.y[i] !== null ? [`${line.name}: ${number(line.y[i])}`] : [])].join("\n");
    });
  }
  function ridges(edges, rows, labels, xlabel) { // a histogram a line, dark for much
    const x = across(edges, { range: [edges[0], edges[edges.length - 1]] }), height = Math.max(4, (HEIGHT - BOTTOM - TOP) / rows.length);
    const root = frame(x, { to: (value) => TOP + height * (value + 0.5) - 0, ticks: rows.length > 12 ? [0, rows.length - 1] : rows.map((_, i) => i) }, xlabel, "epoch", xlabel);
    root.querySelectorAll(".grid").forEach((node) => node.remove());
    [...root.querySelectorAll("text[text-anchor=end]")].forEach((node) => { node.textContent = labels[Number(node.textContent)]; });
    rows.forEach((counts, row) => {
      const most = Math.max(1e-9, ...counts);
      counts.forEach((count, i) => { if (count) root.append(svg("rect", { x: x.to(edges[i]), width: x.to(edges[i + 1]) - x.to(edges[i]) + 0.3, y: TOP + row * height, height: Math.max(1, height - 1), style: `fill: rgba(var(--heat), ${(0.08 + 0.92 * Math.sqrt(count / most)).toFixed(3)})` })); });
    });
    return tipped(root, (at, down) => {
      const row = Math.floor((down - TOP) / height), value = x.back(at), i = edges.findIndex((edge, place) => value >= edge && value < edges[place + 1]);
      return rows[row] && i >= 0 && i < rows[row].length ? `epoch ${labels[row]}\n${short(edges[i])} to ${short(edges[i + 1])}: about ${Math.round(rows[row][i])}` : "";
    });
  }
  function graph(layers, edges) { // rows by the longest way from an input
    const depth = layers.map(() => 0), inward = new Map();
    edges.forEach(([from, to]) => inward.set(to, [...(inward.get(to) || []), from]));
    layers.forEach((_, place) => { for (const from of inward.get(place) || []) depth[place] = Math.max(depth[place], depth[from] + 1); });
    const rows = [];
    depth.forEach((row, place) => (rows[row] ||= []).push(place));
    const width = 215, high = 44, gap = 26, side = 24, broad = Math.max(...rows.map((row) => row.length)), total = broad * (width + side) + (edges.some(([a, b]) => depth[b] - depth[a] > 1) ? 60 : 0);
    const at = (place) => { const row = rows[depth[place]], i = row.indexOf(place); return [(broad * (width + side) - row.length * (width + side)) / 2 + i * (width + side) + side / 2, depth[place] * (high + gap) + 4]; };
    const root = svg("svg", { viewBox: `0 0 ${total} ${rows.length * (high + gap)}`, role: "img", "aria-label": "graph of layers", style: `max-width: ${total}px` });
    edges.forEach(([from, to]) => {
      const [x1, y1] = at(from), [x2, y2] = at(to), a = x1 + width / 2, b = x2 + width / 2;
      const d = depth[to] - depth[from] > 1 ? `M${x1 + width},${y1 + high / 2} C${x1 + width + 60},${y1 + high / 2} ${x2 + width + 60},${y2 + high / 2} ${x2 + width},${y2 + high / 2}` : `M${a},${y1 + high} C${a},${y1 + high + gap / 2} ${b},${y2 - gap / 2} ${b},${y2}`;
      root.append(svg("path", { class: "edge", d }));
    });
    layers.forEach((layer, place) => {
      const [x, y] = at(place), second = [layer.shape && `(${layer.shape})`, layer.parameters ? `${layer.parameters.toLocaleString("en")} parameters` : ""].filter(Boolean).join(", ");
      root.append(svg("g", {}, svg("title", {}, `${layer.name}: ${layer.kind}, ${second}`), svg("rect", { class: "box", x, y, width, height: high, rx: 5 }), svg("text", { class: "strong", x: x + width / 2, y: y + 18, "text-anchor": "middle" }, cut(layer.kind, 30)), svg("text", { x: x + width / 2, y: y + 34, "text-anchor": "middle" }, cut(second, 34))));
    });
    return root;
  }
  return { lines, scatter, bars, ridges, graph };
})();
