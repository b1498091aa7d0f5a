import * as camera from "./camera.js";
import { photoFigure, showLook } from "./marks.js";
import { hideResult, showResult } from "./result.js";
import { Refused, call } from "./server.js";

// Phones make photos of 12 megapixels; this much is plenty, and turns them upright on the way.
const LONGEST_SIDE = 1280;
const QUALITY = 0.95;
const MOST = { enroll: 3, authenticate: 1 };

const element = (id) => document.getElementById(id);
const photos = { enroll: [], authenticate: [] };
// What was enrolled here, to show beside the face of now: {id, picture}.
let enrolled = null;
let shootFor = null;

function say(text, kind = "") {
  element("message").textContent = text;
  element("message").className = kind;
}

// Each photo is {blob, figure, look}.
function add(which, blob) {
  const number = photos[which].length + 1;
  const alt = which === "enroll" ? `Photo ${Math.min(number, MOST.enroll)} to enrol` : "Photo to authenticate";
  const photo = { blob, figure: photoFigure(blob, alt), look: null };
  setPhotos(which, [...photos[which], photo].slice(-MOST[which]));
  look(photo);
}

function setPhotos(which, kept) {
  for (const { figure } of photos[which]) {
    if (!kept.some((one) => one.figure === figure)) URL.revokeObjectURL(figure.querySelector("img").src);
  }
  photos[which] = kept;
  element(`${which}-photos`).replaceChildren(...kept.map((one) => one.figure));
  hideResult();
}

// As soon as a photo is there, what was found in it is shown.
async function look(photo) {
  try {
    show(photo, await call("look", "", [photo.blob]));
  } catch {
    // Said when the photo is used.
  }
}

function show(photo, found) {
  photo.look = found;
  showLook(photo.figure, found);
}

// What was compared of a photo, as an URL.
function compared(photo) {
  return photo.look && photo.look.aligned
    ? `data:image/jpeg;base64,${photo.look.aligned}`
    : photo.figure.querySelector("img").src;
}

async function addFiles(which, input) {
  say("");
  for (const file of input.files) {
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
      add(which, await camera.scaled(bitmap, bitmap.width, bitmap.height, LONGEST_SIDE, QUALITY));
      bitmap.close();
    } catch {
      say(`${file.name} is not a photo that this browser can read. Use another.`, "error");
    }
  }
  input.value = "";
}

async function openCamera(which) {
  say("");
  try {
    await camera.open();
  } catch {
    say("There is no camera to use here. Allow it in the browser, or choose photos.", "error");
    return;
  }
  shootFor = which;
}

function closeCamera() {
  camera.close();
  if (shootFor) element(`${shootFor}-camera`).focus();
}

async function shoot() {
  add(shootFor, await camera.picture(LONGEST_SIDE, QUALITY));
  if (photos[shootFor].length === MOST[shootFor]) closeCamera();
}

async function ask(action, which) {
  say("One moment…");
  hideResult();
  const used = which ? photos[which] : [];
  try {
    const body = await call(action, element("id").value, used.map((one) => one.blob));
    (body.photos || []).forEach((found, number) => show(used[number], found));
    say("");
    return body;
  } catch (error) {
    say(error.message, "error");
    if (error instanceof Refused && error.photo !== undefined) show(used[error.photo], error.look);
    return null;
  }
}

async function enroll() {
  const body = await ask("enroll", "enroll");
  if (!body) return;
  enrolled = { id: element("id").value.trim(), picture: compared(photos.enroll[0]) };
  say(`Enrolled with ${body.templates} photo${body.templates === 1 ? "" : "s"}.`);
}

async function authenticate() {
  const body = await ask("authenticate", "authenticate");
  if (!body) return;
  const mine = enrolled && enrolled.id === element("id").value.trim() ? enrolled.picture : null;
  showResult(body, mine, compared(photos.authenticate[0]));
  say(`${body.accepted ? "Accepted" : "Rejected"}: score ${body.score.toFixed(3)}, accepted from ${body.threshold}.`);
  element("result").scrollIntoView({ block: "nearest" });
}

async function forget() {
  const body = await ask("forget", null);
  if (!body) return;
  enrolled = null;
  say("Forgotten: every template under this ID is deleted.");
}

for (const which of ["enroll", "authenticate"]) {
  element(`${which}-files`).addEventListener("change", (event) => addFiles(which, event.target));
  element(`${which}-camera`).addEventListener("click", () => openCamera(which));
}
element("enroll-clear").addEventListener("click", () => {
  setPhotos("enroll", []);
  say("");
});
element("video").addEventListener("loadeddata", camera.ready);
element("shoot").addEventListener("click", shoot);
element("stop").addEventListener("click", closeCamera);
element("enroll").addEventListener("click", enroll);
element("authenticate").addEventListener("click", authenticate);
element("forget").addEventListener("click", forget);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !element("camera").hidden) closeCamera();
});
