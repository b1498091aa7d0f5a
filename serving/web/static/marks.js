// Draws what was found in a photo over it: the box, the landmarks, and a word.

const SVG = "http://www.w3.org/2000/svg";
const WORDS = {
  ok: "Good",
  no_face: "No face",
  unsure_face: "Unsure",
  several_faces: "Several faces",
  too_small: "Too small",
  too_far: "Far away",
  too_blurred: "Blurred",
  too_dark: "Dark",
  turned: "Turned",
};

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export function drawMarks(svg, look) {
  svg.replaceChildren();
  if (!look || !look.box) return;
  svg.setAttribute("viewBox", `0 0 ${look.width} ${look.height}`);
  const [left, top, right, bottom] = look.box;
  const side = right - left;
  svg.append(
    shape("rect", { x: left, y: top, width: side, height: bottom - top, rx: side / 20 }),
    ...look.landmarks.map(([x, y]) => shape("circle", { cx: x, cy: y, r: side / 40 }))
  );
}

export function word(look) {
  return WORDS[look.state] || "Not usable";
}

// A photo with room for what is found in it.
export function photoFigure(blob, alt) {
  const figure = document.createElement("figure");
  figure.className = "photo";
  const view = document.createElement("div");
  view.className = "view";
  const image = document.createElement("img");
  image.src = URL.createObjectURL(blob);
  image.alt = alt;
  const svg = shape("svg", { class: "marks", "aria-hidden": "true" });
  view.append(image, svg);
  figure.append(view, document.createElement("figcaption"));
  return figure;
}

export function showLook(figure, look) {
  figure.classList.toggle("bad", !look.usable);
  figure.classList.toggle("good", look.usable && look.state === "ok");
  drawMarks(figure.querySelector("svg"), look);
  const caption = figure.querySelector("figcaption");
  caption.replaceChildren();
  // Nothing is found where photos are compared as they are.
  if (look.usable && !look.box) return;
  const state = document.createElement("span");
  state.className = "state";
  state.textContent = look.usable && look.state !== "ok" ? `${word(look)}, but usable` : word(look);
  caption.append(state);
  if (look.state !== "ok") caption.append(look.message);
}
