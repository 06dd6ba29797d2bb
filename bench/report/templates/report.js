"use strict";

/* Tables: a heading's button sorts, first from high to low where there are numbers. Empty cells and untrained rows
   stay last whatever the order. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  heads.forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const falling = head.classList.contains("number") ? head.ariaSort !== "descending" : head.ariaSort === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rank = (row) => ("last" in row.dataset ? 2 : keyOf(row, column) === "" ? 1 : 0);
      const rows = [...body.rows].sort((x, y) => rank(x) - rank(y) || (falling ? -1 : 1) * compare(keyOf(x, column), keyOf(y, column)));
      body.append(...rows);
    });
  });
}

/* The gallery. */
const SVG = "http://www.w3.org/2000/svg";
const galleries = [...document.querySelectorAll("script.gallery-data")].map((island) => JSON.parse(island.textContent));
const at = (id) => document.getElementById(id);

function element(tag, settings = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, settings);
  made.append(...children);
  return made;
}

function shape(tag, settings) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(settings)) made.setAttribute(name, value);
  return made;
}

function startGallery() {
  const chosen = { gallery: galleries[0], image: null, order: [], wipe: 50 };
  const stage = at("g-stage");
  const wipe = at("g-wipe");
  let layers = [];

  const fill = (select, options) => {
    const before = select.options.length ? select.value : null;
    select.replaceChildren(...options.map(([value, text]) => element("option", { value, textContent: text })));
    if (options.some(([value]) => value === before)) select.value = before;
    select.parentElement.hidden = options.length < 2;
  };
  const row = () => at("g-row").value;
  const score = (image, name, measure) => (image.scores[name] || {})[measure];
  const gainOf = (image, measure, name = row()) => {
    const [after, before] = [score(image, name, measure), score(image, "rain", measure)];
    return after === undefined || before === undefined ? undefined : after - before;
  };
  const shown = (value) => (value === undefined ? "–" : (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1)).replace("-", "−"));
  const signed = (value) => (value === undefined ? "–" : (value > 0 ? "+" : "") + shown(value));
  const measureNow = () => at("g-order").value.split("|")[1] || chosen.gallery.measures[0];

  function openDataset() {
    const gallery = chosen.gallery;
    fill(at("g-row"), gallery.rows.length ? gallery.rows : [["clean", "clean"]]);
    const mean = ([name]) => {
      const gains = gallery.images.map((image) => gainOf(image, gallery.measures[0], name)).filter((gain) => gain !== undefined);
      return gains.length ? gains.reduce((sum, gain) => sum + gain) / gains.length : -Infinity;
    };
    const trained = gallery.rows.filter(([name, label]) => name === label);
    if (trained.length) at("g-row").value = trained.reduce((best, other) => (mean(other) > mean(best) ? other : best))[0];
    const orders = gallery.measures.flatMap((m) => [["gain|" + m, "most gained: " + m], ["harm|" + m, "most harmed: " + m]]);
    fill(at("g-order"), [...orders, ["name|", "by name"]]);
    fill(at("g-task"), [...gallery.tasks, ["", "nothing"]]);
    at("g-checks").hidden = !gallery.tasks.length;
    sortImages(true);
  }

  function sortImages(first) {
    const [kind, measure] = at("g-order").value.split("|");
    const key = (image) => gainOf(image, measure);
    const images = [...chosen.gallery.images];
    if (kind === "name") images.sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
    else images.sort((a, b) => (key(a) === undefined) - (key(b) === undefined) || (kind === "gain" ? key(b) - key(a) : key(a) - key(b)) || 0);
    chosen.order = images;
    if (first || !images.includes(chosen.image)) chosen.image = images[0];
    drawStrip();
    drawImage();
  }

  function drawStrip() {
    const measure = measureNow();
    at("g-strip").replaceChildren(
      ...chosen.order.map((image) => {
        const gain = gainOf(image, measure);
        const text = element("span", { textContent: signed(gain), className: gain > 0 ? "up" : gain < 0 ? "down" : "" });
        const picture = element("img", { src: image.pictures.rain, alt: "", decoding: "async" });
        const button = element("button", { type: "button", title: image.id }, picture, text);
        button.setAttribute("aria-label", `${image.id}, ${measure || "gain"} ${signed(gain)}`);
        button.addEventListener("click", () => show(image));
        return button;
      })
    );
    markStrip();
  }

  function markStrip() {
    [...at("g-strip").children].forEach((button, index) => {
      const pressed = chosen.order[index] === chosen.image;
      button.setAttribute("aria-pressed", String(pressed));
      if (pressed) at("g-strip").scrollLeft = button.offsetLeft - at("g-strip").clientWidth / 2;
    });
  }

  function show(image) {
    chosen.image = image;
    markStrip();
    drawImage();
  }

  function step(by) {
    const place = chosen.order.indexOf(chosen.image) + by;
    show(chosen.order[(place + chosen.order.length) % chosen.order.length]);
  }

  function drawImage() {
    const image = chosen.image;
    stage.style.aspectRatio = `${image.width} / ${image.height}`;
    stage.style.maxWidth = `calc(80vh * ${image.width / image.height})`;
    const names = row() === "clean" ? ["rain", "clean"] : ["rain", row(), "clean"];
    layers = names.filter((name) => name !== "clean" || image.pictures.clean).map((name) => ({ name, node: layerOf(image, name) }));
    const truth = element("div", { className: "truth" });
    const task = at("g-task").value;
    if (at("g-truth").checked && task) overlay(truth, image, (image.seen[task] || {}).truth, true);
    stage.replaceChildren(
      ...layers.map((layer) => layer.node),
      truth,
      element("div", { className: "handle" }),
      element("div", { className: "chip left" }),
      element("div", { className: "chip right" })
    );
    wipe.max = String((layers.length - 1) * 100);
    document.querySelectorAll(".stops button").forEach((button, index) => {
      button.hidden = index >= layers.length;
      if (!button.hidden) button.textContent = layers[index].name;
    });
    setWipe(Math.min(chosen.wipe, Number(wipe.max)));
    drawWords(image);
    drawLegend(image, task);
  }

  function layerOf(image, name) {
    const layer = element("div", { className: "layer" });
    const source = image.pictures[name];
    if (source) layer.append(element("img", { src: source, alt: `${image.id}, ${name}`, draggable: false }));
    else layer.append(element("p", { textContent: `${name}: no restored image (see Failures)` }));
    const task = at("g-task").value;
    if (at("g-seen").checked && task) overlay(layer, image, (image.seen[task] || {})[name], false);
    return layer;
  }

  function overlay(node, image, seen, isTruth) {
    if (!seen) return;
    /* The truth's mask takes the place of the prediction's, or waits until the prediction is not drawn. */
    const both = at("g-seen").checked && at("g-truth").checked;
    if (seen.mask && (!both || isTruth === !seen.boxes)) node.append(element("img", { src: seen.mask, alt: "", className: "mask", draggable: false }));
    if (!seen.boxes) return;
    const drawing = shape("svg", { viewBox: `0 0 ${image.width} ${image.height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const size = Math.max(image.width, image.height) / 46;
    const names = chosen.gallery.classes[at("g-task").value] || [];
    for (const [x1, y1, x2, y2, place, mark, state] of seen.boxes) {
      const kind = isTruth ? (mark ? "crowd" : "true") : ["wrong", "right", "ignored", "unmatched"][state];
      for (const style of isTruth ? ["halo", kind] : [kind]) {
        drawing.append(shape("rect", { class: "box " + style, x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) }));
      }
      if (!isTruth) {
        const text = shape("text", { x: x1 + size * 0.2, y: Math.max(size, y1 - size * 0.3), "font-size": size });
        text.textContent = `${(names[place] || ["?"])[0]} ${mark.toFixed(2)}`;
        drawing.append(text);
      }
    }
    node.append(drawing);
  }

  function setWipe(value) {
    chosen.wipe = value;
    wipe.value = String(value);
    const last = layers.length - 1;
    const segment = Math.min(Math.max(0, last - 1), value > 100 ? 1 : 0);
    const part = value - segment * 100;
    layers.forEach((layer, index) => {
      const width = Math.min(100, Math.max(0, value - (index - 1) * 100));
      layer.node.style.clipPath = index ? `inset(0 ${100 - width}% 0 0)` : "none";
    });
    const [below, above] = [layers[segment].name, (layers[segment + 1] || layers[segment]).name];
    stage.querySelector(".handle").style.left = `${part}%`;
    stage.querySelector(".handle").hidden = part <= 0 || part >= 100;
    const [left, right] = [stage.querySelector(".chip.left"), stage.querySelector(".chip.right")];
    left.textContent = above;
    right.textContent = below;
    left.hidden = part <= 0;
    right.hidden = part >= 100;
    wipe.setAttribute("aria-valuetext", part <= 0 ? below : part >= 100 ? above : `${Math.round(part)} % ${above}, the rest ${below}`);
    document.querySelectorAll(".stops button").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.stop) === value)));
  }

  function drawWords(image) {
    const place = chosen.order.indexOf(image) + 1;
    at("g-caption").textContent = `${image.id} (${place} of ${chosen.order.length})`;
    const table = document.querySelector(".scores");
    const names = [...new Set(["rain", row(), "clean"])];
    const head = element("tr", {}, element("td"), ...names.map((name) => element("th", { textContent: name, scope: "col", className: "number" })), element("th", { textContent: "gain", scope: "col", className: "number" }));
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(
      ...chosen.gallery.measures.map((measure) => {
        const gain = gainOf(image, measure);
        return element(
          "tr",
          {},
          element("th", { textContent: measure, scope: "row" }),
          ...names.map((name) => element("td", { textContent: shown(score(image, name, measure)), className: "number" })),
          element("td", { textContent: signed(gain), className: "number " + (gain > 0 ? "up" : gain < 0 ? "down" : "") })
        );
      })
    );
  }

  function drawLegend(image, task) {
    const seen = image.seen[task] || {};
    const items = [];
    const entry = (text, kind, colour) => {
      const sample = shape("svg", { viewBox: "0 0 18 12", "aria-hidden": "true" });
      if (colour) sample.append(shape("rect", { width: 18, height: 12, fill: colour }));
      /* White dashes need the halo that they have in the picture. */
      else for (const style of kind === "true" ? ["halo", kind] : [kind]) sample.append(shape("rect", { class: "box " + style, x: 1, y: 1, width: 16, height: 10 }));
      items.push(element("li", {}, sample, text));
    };
    if (Object.values(seen).some((layer) => layer.boxes)) {
      if (at("g-seen").checked) {
        const some = (state) => Object.values(seen).some((layer) => (layer.boxes || []).some((box) => box[6] === state));
        if (some(3)) entry("found", "unmatched");
        else {
          entry("found, right", "right");
          entry("wrong", "wrong");
          if (some(2)) entry("not counted", "ignored");
        }
      }
      if (at("g-truth").checked) entry("truth", "true");
    }
    const places = new Set(Object.values(seen).flatMap((layer) => layer.classes || []));
    [...places].sort((a, b) => a - b).forEach((place) => entry(chosen.gallery.classes[task][place][0], "", chosen.gallery.classes[task][place][1]));
    at("g-legend").replaceChildren(...items);
  }

  fill(at("g-dataset"), galleries.map((gallery, index) => [String(index), gallery.dataset]));
  at("g-dataset").addEventListener("change", (event) => {
    chosen.gallery = galleries[Number(event.target.value)];
    openDataset();
  });
  at("g-row").addEventListener("change", () => sortImages(false));
  at("g-order").addEventListener("change", () => sortImages(true));
  for (const id of ["g-task", "g-seen", "g-truth"]) at(id).addEventListener("change", drawImage);
  at("g-before").addEventListener("click", () => step(-1));
  at("g-after").addEventListener("click", () => step(1));
  wipe.addEventListener("input", () => setWipe(Number(wipe.value)));
  for (const button of document.querySelectorAll(".stops button")) button.addEventListener("click", () => setWipe(Number(button.dataset.stop)));
  at("g-strip").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
    at("g-strip").children[chosen.order.indexOf(chosen.image)].focus();
  });
  const drag = (event) => {
    if (!event.isPrimary || !(event.buttons & 1)) return;
    const box = stage.getBoundingClientRect();
    const segment = chosen.wipe > 100 ? 100 : 0;
    setWipe(segment + Math.min(100, Math.max(segment ? 0.5 : 0, (100 * (event.clientX - box.left)) / box.width)));
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", drag);
  at("viewer").hidden = false;
  openDataset();
}

if (galleries.length) startGallery();
