"use strict";
// Text of runs goes into the page by textContent alone, and into Plotly, which reads markup, through esc().
(() => {
  const data = JSON.parse(document.getElementById("content").textContent);
  const { esc, cut, missing, make, number, duration, section, simple } = parts;
  const COLOURS = ["#1f6fb2", "#d1541a", "#2a8f4e", "#8a4fb5", "#b8860b", "#c2387a", "#3aa6a6", "#6b6b6b", "#7a9a01", "#a0522d", "#4b5dbd", "#009e73"];
  const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["sendChartToCloud", "sendDataToCloud", "select2d", "lasso2d"] };
  const FEW = 200, DOTS = 2000;
  const higher = data.objective.mode === "max";

  function layout(more) {
    return { margin: { l: 70, r: 20, t: 20, b: 60 }, hovermode: "closest", paper_bgcolor: "#fff", plot_bgcolor: "#fff", font: { size: 13 }, ...more };
  }

  // ---- table -------------------------------------------------------------------------------------------------------
  const at = (row, index) => row.settings[index];
  function columns(eachRun) {
    const reached = { title: data.objective.metric, number: true, value: (r) => r.mean, show: (r) => (r.last ? "~" : "") + number(r.mean), hint: (r) => (missing(r.mean) ? "" : String(r.mean)) };
    const list = [{ title: "#", number: true, value: (r) => r.rank }, reached];
    if (!eachRun && data.groups.some((g) => g.spread !== null)) {
      list.push({ title: "±", number: true, value: (r) => r.spread, show: (r) => (missing(r.spread) ? "" : number(r.spread)) });
      list.push({ title: "n", number: true, value: (r) => r.n });
    }
    list.push({ title: "epoch", number: true, value: (r) => r.epoch, show: (r) => (missing(r.epoch) ? "–" : String(r.epoch)) });
    data.settings.forEach((setting, i) => list.push({ title: setting.name, hint: (r) => `${setting.key}: ${at(r, i) ?? "–"}`, number: setting.number, value: (r) => (setting.number ? asNumber(at(r, i)) : at(r, i)), show: (r) => said(at(r, i)) }));
    if (eachRun) data.seeds.forEach((seed, i) => list.push({ title: seed, number: true, value: (r) => asNumber(r.seeds[i]), show: (r) => r.seeds[i] ?? "" }));
    list.push({ title: "state", value: (r) => r.state, kind: (r) => (r.bad ? "bad" : "") });
    list.push({ title: "time", number: true, value: (r) => r.seconds, show: (r) => duration(r.seconds) });
    if (data.groups.some((g) => g.processor !== null)) list.push({ title: "CPU time", number: true, value: (r) => r.processor, show: (r) => duration(r.processor) });
    list.push({ title: "run", value: (r) => r.name, hint: (r) => r.id });
    list.push({ title: "id", value: (r) => r.id, show: (r) => r.id.slice(0, 8), hint: (r) => r.id, kind: () => "id" });
    return list;
  }
  function said(text) {
    const value = asNumber(text);
    return value === null || text.length <= 8 || Number.isInteger(value) ? text ?? "" : String(+value.toPrecision(4));
  }
  function asNumber(text) {
    if (missing(text) || text === "" || text === "null" || text === "None") return null;
    const value = Number(text);
    return Number.isNaN(value) ? null : value;
  }
  function rows(eachRun) {
    return data.groups.flatMap((group, index) => {
      const first = group.runs[0];
      if (!eachRun) return [{ ...group, rank: index + 1, id: first.id, name: first.name, last: group.runs.some((r) => r.last), state: group.state || first.state, bad: group.state !== "" }];
      return group.runs.map((run) => ({ ...run, rank: index + 1, mean: run.value, settings: group.settings, bad: run.failed }));
    });
  }
  function compare(a, b, sign) {
    if (missing(a) || missing(b)) return missing(a) - missing(b); // what is missing comes last either way
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
  }
  function table() {
    let eachRun = false, sorted = null, sign = 1, all = false, wanted = "";
    const holder = make("div", { class: "scroll" });
    const more = make("button", { class: "more", on: { click: () => { all = true; draw(); } } }, "show all");
    const search = make("input", { type: "search", placeholder: "only rows with …", "aria-label": "filter rows", on: { input: () => { wanted = search.value.toLowerCase(); draw(); } } });
    const each = make("input", { type: "checkbox", id: "each", on: { change: () => { eachRun = each.checked; sorted = null; draw(); } } });
    const bar = make("div", { class: "bar" }, search);
    if (data.runs > data.groups.length) bar.append(make("label", {}, each, " one row a run"));
    function draw() {
      const list = columns(eachRun);
      let shown = rows(eachRun).map((row) => ({ row, cells: list.map((c) => String(c.show ? c.show(row) : c.value(row) ?? "")) }));
      if (wanted) shown = shown.filter(({ cells, row }) => cells.some((cell) => cell.toLowerCase().includes(wanted)) || row.id.includes(wanted));
      const column = list.find((c) => c.title === sorted);
      if (column) shown.sort((a, b) => compare(column.value(a.row), column.value(b.row), sign));
      const head = make("tr", {}, ...list.map((c) => {
        const order = c.title === sorted ? (sign > 0 ? "ascending" : "descending") : "none";
        const act = () => { sign = sorted === c.title ? -sign : 1; sorted = c.title; draw(); };
        return make("th", { scope: "col", "aria-sort": order, class: c.number ? "number" : "" }, make("button", { on: { click: act } }, c.title));
      }));
      const body = make("tbody", {}, ...(all ? shown : shown.slice(0, FEW)).map(({ row, cells }) => make("tr", {}, ...cells.map((cell, i) => {
        const c = list[i];
        return make("td", { class: [c.number ? "number" : "", c.kind ? c.kind(row) : ""].join(" ").trim(), title: c.hint ? c.hint(row) : cell }, cell);
      }))));
      holder.replaceChildren(make("table", { id: "runs" }, make("thead", {}, head), body));
      more.hidden = all || shown.length <= FEW;
      more.textContent = `show all ${shown.length}`;
    }
    draw();
    const node = section("Runs", bar, holder, more);
    if (data.estimated) node.append(make("p", {}, `~ last value, not the best: of ${data.estimated} runs the history was not read`));
  }

  // ---- plots -------------------------------------------------------------------------------------------------------
  const waiting = []; // drawn one after another once all else is there, so that a page of thousands of runs is read at once
  function plot(id, holder, traces, more) {
    const node = make("div", { class: "plot", id, style: `height: ${more.height || 460}px` });
    holder.append(node);
    const failed = (error) => { node.textContent = `cannot be drawn here: ${error && error.message}`; };
    waiting.push(() => { try { return Plotly.newPlot(node, traces, layout(more), CONFIG).catch(failed); } catch (error) { failed(error); } });
    return node;
  }
  async function drawAll() {
    for (const draw of waiting) {
      await new Promise((go) => setTimeout(go, 0));
      await draw();
    }
    document.body.setAttribute("data-drawn", "true");
  }
  function curves() {
    if (!data.curves.some((c) => c.singles.some((s) => s.x.length > 1))) return;
    const names = new Map(data.groups.flatMap((g) => g.runs.map((r) => [r.id, r.name])));
    const traces = [];
    for (const curve of data.curves) {
      const colour = COLOURS[curve.place % COLOURS.length], key = String(curve.place);
      const label = esc(cut(`#${curve.place + 1} ${curve.label}`, 60)) + (curve.seeds > 1 ? ` (${curve.seeds} ${data.significance.unit})` : "");
      if (curve.seeds > 1) {
        const upper = curve.mean.map((m, i) => m + curve.spread[i]);
        const lower = curve.mean.map((m, i) => (data.curve.log ? Math.max(m - curve.spread[i], m / 100) : m - curve.spread[i]));
        traces.push({ x: [...curve.x, ...[...curve.x].reverse()], y: [...upper, ...lower.reverse()], fill: "toself", fillcolor: colour + "26", line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false, legendgroup: key });
      }
      if (curve.singles.length > 1) for (const single of curve.singles) {
        traces.push({ x: single.x, y: single.y, mode: "lines", opacity: 0.35, line: { width: 1, color: colour }, showlegend: false, legendgroup: key, hoverinfo: "text", hovertext: single.x.map((x, i) => `${esc(cut(names.get(single.id), 60))}<br>${data.curve.axis} ${+x.toPrecision(6)}: ${number(single.y[i])}`) });
      }
      const spread = (i) => (curve.seeds > 1 ? ` ± ${number(curve.spread[i])}` : "");
      traces.push({ x: curve.x, y: curve.mean, mode: curve.x.length < 40 ? "lines+markers" : "lines", name: label, legendgroup: key, line: { width: 2.5, color: colour, dash: curve.completed ? "solid" : "dot" }, marker: { size: 5 }, hoverinfo: "text", hovertext: curve.x.map((x, i) => `${label}<br>${data.curve.axis} ${+x.toPrecision(6)}: ${number(curve.mean[i])}${spread(i)}`) });
    }
    const shown = data.curves.length < data.groups.length ? `the best ${data.curves.length} of ${data.groups.length} configurations; ` : "";
    const whole = data.curve.by !== "time" && Math.max(...data.curves.flatMap((c) => c.x)) <= 15 ? { dtick: 1 } : {};
    const node = section(`Curves of ${data.curve.metric}`, make("p", {}, `${shown}mean and standard deviation over ${data.significance.unit}, as far as all of them go; a click in the legend hides one`));
    plot("curves", node, traces, { xaxis: { title: { text: data.curve.axis }, gridcolor: "#e8ecf0", ...whole }, yaxis: { title: { text: esc(data.curve.metric) }, type: data.curve.log ? "log" : "linear", gridcolor: "#e8ecf0" }, legend: { orientation: "h", y: -0.18 }, height: 460 + 12 * data.curves.length });
  }
  const ranked = data.groups.filter((group) => group.n > 0); // a failed run's value is no result
  const scale = { colorscale: "Viridis", reversescale: !higher };
  function axis(label, values) {
    const low = Math.min(...values), high = Math.max(...values), known = [...new Set(values)].sort((a, b) => a - b);
    const text = (value) => String(+value.toPrecision(3));
    if (!(low > 0 && high / low >= 10)) return known.length > 8 ? { label, values } : { label, values, tickvals: known, ticktext: known.map(text) };
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const digit of [1, 2, 5]) if (digit * 10 ** power >= low && digit * 10 ** power <= high) ticks.push(digit * 10 ** power);
    }
    const shown = known.length <= 8 || ticks.length < 2 ? known.slice(0, 8) : ticks;
    return { label: label + " (log)", values: values.map(Math.log10), tickvals: shown.map(Math.log10), ticktext: shown.map(text) };
  }
  function dimension(setting, index) {
    const texts = ranked.map((group) => at(group, index) ?? "–");
    const label = esc(cut(setting.name, 24));
    if (setting.number && ranked.every((group) => asNumber(at(group, index)) !== null)) return axis(label, texts.map(Number));
    const words = [...new Set(texts)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    return { label, values: texts.map((text) => words.indexOf(text)), tickvals: words.map((_, i) => i), ticktext: words.map((word) => cut(word, 20).replace(/</g, "‹").replace(/>/g, "›").replace(/&/g, "＆")), range: [-0.3, Math.max(words.length - 0.7, 0.3)] };
  }
  function parallel() {
    const used = data.settings.map((s, i) => [s, i]).filter(([, i]) => new Set(ranked.map((g) => at(g, i))).size > 1).slice(0, 10);
    if (ranked.length < 2 || !used.length) return;
    const values = ranked.map((group) => group.mean);
    const dimensions = [...used.map(([s, i]) => dimension(s, i)), axis(esc(cut(data.objective.metric, 24)), values)];
    const node = section("Parallel coordinates", make("p", {}, "a line a configuration; drag along an axis to keep only lines that pass there, drag its name to move it"));
    plot("parallel", node, [{ type: "parcoords", dimensions, line: { color: values, ...scale, showscale: true }, labelfont: { size: 13 }, tickfont: { size: 12 } }], { margin: { l: 90, r: 90, t: 60, b: 30 } });
  }
  function scatter() {
    if (ranked.length < 2 || !data.settings.length) return;
    const choose = make("select", { "aria-label": "setting", id: "setting" }, ...data.settings.map((s, i) => make("option", { value: i }, s.key)));
    const node = section("What each run reached, by", make("div", { class: "bar" }, choose));
    if (data.runs > DOTS) node.append(make("p", {}, `the best ${DOTS} runs`));
    function traces() {
      const index = Number(choose.value), setting = data.settings[index];
      const points = data.groups.flatMap((group, place) => group.runs.filter((r) => !missing(r.value)).map((run) => ({ run, group, place }))).slice(0, DOTS);
      const x = points.map(({ group }) => (setting.number ? asNumber(at(group, index)) : esc(cut(at(group, index) ?? "–", 40))));
      const numbers = x.filter((value) => typeof value === "number");
      const log = setting.number && Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) > 50;
      const y = points.map(({ run }) => run.value), low = Math.min(...y), high = Math.max(...y);
      const hovertext = points.map(({ run, group, place }) => [`#${place + 1} ${cut(run.name, 60)}`, `${setting.name}: ${cut(at(group, index) ?? "–", 60)}`, `${data.objective.metric}: ${number(run.value)}`, run.state].map(esc).join("<br>"));
      return [[{ type: "scatter", mode: "markers", x, y, hoverinfo: "text", hovertext, marker: { size: 9, opacity: 0.75, color: points.map(({ place }) => place + 1), colorscale: "Viridis", symbol: points.map(({ run }) => (run.failed ? "x" : "circle")), colorbar: { title: { text: "rank" }, tickformat: "d", nticks: Math.min(data.groups.length + 1, 8) }, showscale: data.groups.length > 1 } }],
        { xaxis: { title: { text: esc(setting.key) }, type: setting.number ? (log ? "log" : "linear") : "category", categoryorder: "category ascending", gridcolor: "#e8ecf0" }, yaxis: { title: { text: esc(data.objective.metric) }, type: low > 0 && high / low > 30 ? "log" : "linear", gridcolor: "#e8ecf0" } }];
    }
    const [first, more] = traces();
    const drawn = plot("scatter", node, first, more);
    choose.addEventListener("change", () => { const [now, how] = traces(); Plotly.react(drawn, now, layout(how), CONFIG); });
  }
  function importance() {
    const { said, items, pairs } = data.importance;
    const node = section("Importance of each setting", make("p", {}, said));
    if (!items.length) return;
    const list = [...items].reverse().slice(-10), percent = (v) => Math.round(100 * v);
    plot("importance", node, [{ type: "bar", orientation: "h", x: list.map((i) => 100 * i.share), y: list.map((i) => esc(cut(i.setting, 40))), marker: { color: list.map((i) => (i.low > 0 ? "#1f6fb2" : "#b9c4cf")) }, error_x: { type: "data", symmetric: false, array: list.map((i) => 100 * (i.high - i.share)), arrayminus: list.map((i) => 100 * (i.share - i.low)) }, textposition: "none", hoverinfo: "text", hovertext: list.map((i) => `${esc(i.setting)}: ${percent(i.share)} % [${percent(i.low)}, ${percent(i.high)}]`) }],
      { xaxis: { title: { text: "share of the variance, %" }, zeroline: true, gridcolor: "#e8ecf0" }, yaxis: { type: "category", automargin: true }, height: 120 + 34 * list.length });
    if (items.some((i) => i.low <= 0)) node.append(make("p", {}, "grey: not told from nothing at all"));
    for (const both of pairs) node.append(make("p", {}, `of these, ${percent(both.share)} % by ${both.setting} together: they are to be chosen together`));
  }

  // ---- lists -------------------------------------------------------------------------------------------------------
  function significance() {
    const { said, items } = data.significance, node = section(`Differences beyond what ${data.significance.unit} do`, make("p", {}, said));
    if (!items.length) return;
    const name = (place) => `#${place + 1} ${data.groups[place].label}`;
    node.append(simple(["better", "worse", "difference", "95 % interval", "p, corrected", ""], items.map((i) => [name(i.first), name(i.second), number(i.by), `${number(i.low)} to ${number(i.high)}`, i.p < 1e-4 ? "< 0.0001" : i.p.toFixed(4), i.significant ? "differ" : "not told apart"])));
    if (data.significance.of > items.length) node.append(make("p", {}, `the best is told from ${data.significance.told} of all ${data.significance.of}`));
  }
  function failures() {
    const failed = data.groups.flatMap((g) => g.runs).filter((run) => run.failed);
    if (failed.length) section("Failed or stopped", simple(["run", "name", "state", "error"], failed.map((r) => [r.id, r.name, r.state, r.error])));
  }
  function pair() {
    const both = data.pair;
    if (!both) return;
    const heads = (what) => [what, ...both.ids.map((id, i) => `${both.names[i]} (${id.slice(0, 8)})`)];
    const node = section("The two runs, side by side");
    node.append(both.params.length ? simple(heads("param"), both.params) : make("p", {}, "params: the same"));
    node.append(make("p", {}, ""), simple(heads("code and data"), both.code));
    if (both.packages === null) node.append(make("p", {}, "packages: not both runs have recorded them"));
    else node.append(both.packages.length ? simple(heads("package"), both.packages) : make("p", {}, "packages: the same"));
    node.append(make("p", {}, `patch: ${both.patch}`));
    if (both.lines.length) node.append(make("pre", {}, ...both.lines.map((line) => make("span", { class: line.startsWith("+") ? "add" : line.startsWith("-") ? "gone" : "" }, line + "\n"))));
    if (both.left) node.append(make("p", {}, `${both.left} more lines`));
  }

  const experiments = data.experiments.length === 1 ? data.experiments[0] : `${data.experiments.length} experiments`;
  document.getElementById("headline").textContent = data.headline;
  document.getElementById("summary").textContent = `${experiments}: ${data.runs} runs, ${data.groups.length} configurations, ${data.failed} failed or stopped; by ${data.objective.metric}, ${higher ? "higher" : "lower"} is better`;
  for (const part of [pair, significance, importance, table, curves, parallel, scatter, failures]) part();
  document.body.setAttribute("data-ready", "true");
  drawAll();
})();
