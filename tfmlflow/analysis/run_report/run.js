"use strict";
// The report of a run, section by section; what the run does not have is left out.
(() => {
  const data = JSON.parse(document.getElementById("content").textContent);
  const { main, make, number, cut, missing, section, simple } = parts;
  const tile = (title, ...children) => make("div", { class: "tile" }, make("h3", {}, title), ...children);
  const tiles = (...children) => make("div", { class: "tiles" }, ...children);
  const beside = (...children) => make("div", { class: "beside" }, ...children);
  const table = (headers, lines, kind = "numbers right") => { const node = simple(headers, lines, kind); node.classList.add("fits"); return node; };
  const pairs = (lines) => make("div", { class: "scroll" }, make("table", { class: "wrap pairs" }, make("tbody", {}, ...lines.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(value)))))));
  const sums = (lines) => { const node = pairs(lines.map(([name, value]) => [name, number(value)])); node.classList.add("fits"); return node; };
  const share = (value) => (missing(value) ? "–" : `${(100 * value).toFixed(1)} %`);

  function results() {
    if (data.results) section("Results", table(["metric", "training", "validation", "test"], data.results.map(([name, ...values]) => [name, ...values.map((value) => (missing(value) ? "" : number(value)))])));
  }
  function diagnosis() {
    if (!data.diagnosis?.length) return;
    section("Diagnosis", ...data.diagnosis.map((one) => make("div", { class: "finding" }, make("h3", {}, one.sentence || one.rule),
      ...[["rule", one.rule], ["evidence", one.evidence], ["confidence", one.confidence], ["try", one.advice]].filter(([, said]) => said).map(([name, said]) => make("p", {}, `${name}: ${said}`)))));
  }
  function curves() {
    if (!data.curves?.length) return;
    section("Curves", make("p", {}, data.best_epoch ? `by epoch; the dashed line is the best epoch, ${data.best_epoch}` : "by epoch"), tiles(...data.curves.map(({ metric, series }) => {
      const values = series.flatMap((one) => one.y).filter((value) => value !== null), low = Math.min(...values), log = low > 0 && Math.max(...values) / low > 100;
      return tile(metric, charts.lines(series.map((one) => (one.name === "validation" ? { ...one, colour: 1 } : one)), { xlabel: "epoch", ylabel: metric + (log ? " (log)" : ""), whole: true, log, mark: data.best_epoch, yrange: metric === "learning rate" && !log ? [0, 1.1 * Math.max(...values)] : null }));
    })));
  }
  function classes() {
    const of = data.classes;
    if (!of) return;
    section("Classes", make("p", {}, data.predicted), beside(sums(of.summary), table(["class", "precision", "recall", "F1", "examples", "ROC area", "precision-recall area"], of.rows.map(([name, ...rest]) => [name, ...rest.map((value, i) => (i === 3 ? value.toLocaleString("en") : missing(value) ? "–" : number(value)))]))));
    if (of.counts || of.confused.length) confusion(of);
    const named = (curve, i) => ({ ...curve, colour: i, label: `${curve.name} ${curve.area.toFixed(4)}` }), shown = [];
    if (of.roc.curves.length) {
      shown.push(tile("ROC", charts.lines(of.roc.curves.map(named), { xlabel: "false positive rate", ylabel: "true positive rate", xrange: [0, 1], yrange: [0, 1], guide: [[0, 0], [1, 1]], dots: false })),
        tile("precision and recall", charts.lines(of.precision_recall.curves.map(named), { xlabel: "recall", ylabel: "precision", xrange: [0, 1], yrange: [0, 1], dots: false })));
    }
    if (of.calibration) {
      const { edges, counts, confidence, accuracy, error } = of.calibration, all = counts.reduce((a, b) => a + b, 0);
      shown.push(tile(`expected calibration error ${number(error)}`, charts.bars(counts.map((count) => count / all), edges, { xlabel: "confidence", ylabel: "accuracy; bars: share of examples", yrange: [0, 1], line: { name: "accuracy", x: confidence, y: accuracy }, guide: [[0, 0], [1, 1]] })));
    }
    if (!shown.length) return;
    const chosen = of.roc.of > of.roc.curves.length ? `; of ${of.roc.of} classes the ${of.roc.curves.length} with the smallest area` : "";
    section("Thresholds and calibration", make("p", {}, `each class against all others, the number is the area below${chosen}${of.calibration ? "; calibration: how often the chosen class is right, by its probability" : ""}`), tiles(...shown));
  }
  function confusion(of) {
    const children = [];
    if (of.counts) {
      const rows = of.counts.map((row, i) => {
        const all = Math.max(1, row.reduce((a, b) => a + b, 0));
        return make("tr", {}, make("th", { scope: "row", title: of.names[i] }, cut(of.names[i], 16)), ...row.map((count, j) => {
          const part = count / all;
          return make("td", { title: `${of.names[i]} taken for ${of.names[j]}: ${count}, ${share(part)}`, style: `background: rgba(var(--heat), ${part.toFixed(3)})${part > 0.5 ? "; color: var(--on-heat)" : ""}` }, count ? count.toLocaleString("en") : "");
        }));
      });
      const head = make("tr", {}, make("th", {}, "true \\ predicted"), ...of.names.map((name) => make("th", { scope: "col", title: name }, cut(name, 10))));
      children.push(make("div", { class: "scroll fits" }, make("table", { class: "matrix", id: "confusion" }, make("thead", {}, head), make("tbody", {}, ...rows))));
    }
    if (of.confused.length) children.push(table(["how often", "true", "predicted"], of.confused.map(([was, said, count]) => [count, was, said]), "numbers"));
    section("Confusion matrix", make("p", {}, `${of.counts ? "a row for each true class, coloured by its shares" : "of many classes"}${of.confused.length ? "; what is most often confused" : ""}`), beside(...children));
  }
  function byEpoch() {
    const of = data.by_epoch;
    if (!of || of.epochs.length < 2) return;
    const order = of.names.map((_, i) => i).sort((a, b) => (of.values.f1.at(-1)[a] ?? 0) - (of.values.f1.at(-1)[b] ?? 0)).slice(0, 10).sort((a, b) => a - b);
    const said = of.names.length > order.length ? `the ${order.length} classes with the lowest F1 at the end; ` : "";
    section("Classes by epoch", make("p", {}, `${said}${of.note}`), tiles(...Object.entries(of.values).map(([kind, values]) => tile(kind === "f1" ? "F1" : kind,
      charts.lines(order.map((place) => ({ name: of.names[place], x: of.epochs, y: values.map((one) => one[place]) })), { xlabel: "epoch", ylabel: kind === "f1" ? "F1" : kind, whole: true, mark: data.best_epoch })))));
  }
  function numbers() {
    if (!data.numbers?.length) return;
    section("Predicted and true", make("p", {}, data.predicted), ...data.numbers.flatMap((one) => {
      const residuals = one.predicted.map((value, i) => value - one.true[i]);
      return [...(data.numbers.length > 1 ? [make("h3", {}, one.name)] : []), sums(one.summary), make("p", {}, ""), tiles(
        tile("predicted by true", charts.scatter(one.true, one.predicted, { xlabel: "true", ylabel: "predicted", diagonal: true })),
        tile("residuals by predicted", charts.scatter(one.predicted, residuals, { xlabel: "predicted", ylabel: "predicted minus true", level: 0 })),
        tile("residuals", charts.bars(one.counts, one.edges, { xlabel: "predicted minus true", ylabel: "examples" })))];
    }));
  }
  function mistakes() {
    for (const { title, note, items } of data.mistakes || []) {
      if (!items.length) continue;
      const broad = items.some((item) => item.cells || item.text);
      section(title, make("p", {}, note), make("div", { class: `examples${broad ? " broad" : ""}` }, ...items.map((item) => {
        const node = make("div", { class: "example" });
        if (item.picture) node.append(make("img", { src: item.picture, alt: `example ${item.place}` }));
        for (const line of item.said) node.append(make("div", {}, line));
        if (item.text) node.append(make("p", {}, item.text));
        if (item.cells) node.append(make("table", {}, make("tbody", {}, ...item.cells.map(([name, value]) => make("tr", {}, make("td", { class: "soft" }, name), make("td", {}, value))))));
        node.append(make("div", { class: "soft" }, item.where));
        return node;
      })));
    }
  }
  function augmentation() {
    if (data.augmentation) section("Augmentation", make("p", {}, "the first training examples, above as they are, below as a step may see them"), make("img", { class: "shown", src: data.augmentation, alt: "examples before and after augmentation" }));
  }
  function model() {
    const of = data.model;
    if (!of) return;
    const node = section("Model");
    const list = of.layers.map((one) => [one.name, one.kind, one.shape, one.parameters.toLocaleString("en"), one.trained ? "" : "frozen"]);
    if (of.edges.length) node.append(make("div", { class: "scroll", id: "graph" }, charts.graph(of.layers, of.edges)));
    node.append(make("details", {}, make("summary", {}, `${of.layers.length + of.left} layers`), simple(["layer", "kind", "output", "parameters", ""], list)), make("details", {}, make("summary", {}, "summary by Keras"), make("pre", {}, of.summary)));
  }
  function histograms() {
    if (!data.histograms?.length) return;
    const drawn = (one) => tile(one.name, charts.ridges(one.edges, one.rows, one.epochs, one.name));
    for (const [kind, title] of [["weight", "Weights"], ["gradient", "Gradients"]]) {
      const some = data.histograms.filter((one) => one.kind === kind);
      if (some.length) section(title, make("p", {}, kind === "weight" ? "how often each value occurs, dark for often, an epoch a row" : "of the loss on one training batch with dropout off, dark for often, an epoch a row"), tiles(...some.map(drawn)));
    }
  }
  function facts() {
    const some = (data.facts || []).filter(([, lines]) => lines.length);
    if (some.length) section("Data, machine and attempts", tiles(...some.map(([title, lines]) => tile(title, pairs(lines)))));
    if (data.config?.length) section("Config", make("p", { class: "id" }, data.command || ""), make("details", {}, make("summary", {}, `${data.config.length} settings`), pairs(data.config)));
  }
  function left() {
    if (data.left?.length) section("Not in this report", ...data.left.map((said) => make("p", {}, said)));
  }

  document.getElementById("headline").textContent = data.headline || "";
  document.getElementById("summary").textContent = data.summary || "";
  for (const part of [diagnosis, results, curves, numbers, classes, byEpoch, mistakes, augmentation, histograms, model, facts, left]) {
    try { part(); } catch (error) { section("A part that cannot be drawn here", make("p", {}, `${part.name}: ${error.message}`)); }
  }
  const titles = [...main.querySelectorAll("h2")];
  titles.forEach((title, i) => { title.id = `part-${i}`; });
  main.prepend(make("nav", { "aria-label": "parts" }, ...titles.map((title) => make("a", { href: `#${title.id}` }, title.textContent))));
  document.body.setAttribute("data-drawn", "true");
})();
