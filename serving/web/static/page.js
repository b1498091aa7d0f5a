"use strict";

// Phones make photos of 12 megapixels; this much is plenty, and turns them upright on the way.
const LONGEST_SIDE = 1024;
const QUALITY = 0.92;
const MOST = { enroll: 3, authenticate: 1 };

const element = (id) => document.getElementById(id);
const photos = { enroll: [], authenticate: [] };
let stream = null;
let shootFor = null;

function say(text, kind = "") {
  element("message").textContent = text;
  element("message").className = kind;
}

function show(which) {
  const box = element(`${which}-photos`);
  for (const image of box.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  box.replaceChildren(
    ...photos[which].map((blob, index) => {
      const image = document.createElement("img");
      image.src = URL.createObjectURL(blob);
      image.alt = which === "enroll" ? `Photo ${index + 1} to enrol` : "Photo to authenticate";
      return image;
    })
  );
  element("result").hidden = true;
}

// In place of the photos, what the server has compared of them, where it looks for faces.
function showCompared(which, faces = []) {
  const images = element(`${which}-photos`).querySelectorAll("img");
  faces.forEach((face, index) => {
    URL.revokeObjectURL(images[index].src);
    images[index].src = `data:image/jpeg;base64,${face}`;
  });
}

function add(which, blob) {
  photos[which] = [...photos[which], blob].slice(-MOST[which]);
  show(which);
}

async function upright(source, width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

async function addFiles(which, input) {
  say("");
  for (const file of input.files) {
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
      add(which, await upright(bitmap, bitmap.width, bitmap.height));
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
    stream = stream || (await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } }));
  } catch {
    say("There is no camera to use here. Allow it in the browser, or choose photos.", "error");
    return;
  }
  shootFor = which;
  element("video").srcObject = stream;
  element("camera").hidden = false;
}

// Until there is a picture of this stream, "Take photo" would do nothing: it is disabled.
function cameraIsReady() {
  element("shoot").disabled = false;
  element("shoot").focus();
}

function closeCamera() {
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  element("video").srcObject = null;
  element("shoot").disabled = true;
  element("camera").hidden = true;
  if (shootFor) element(`${shootFor}-camera`).focus();
}

async function shoot() {
  const video = element("video");
  add(shootFor, await upright(video, video.videoWidth, video.videoHeight));
  if (photos[shootFor].length === MOST[shootFor]) closeCamera();
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

async function call(action, which) {
  say("One moment…");
  element("result").hidden = true;
  const content = { id: element("id").value };
  if (which) content.photos = await Promise.all(photos[which].map(base64));
  let answer;
  let body;
  try {
    answer = await fetch(`api/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(content),
    });
    body = await answer.json();
  } catch {
    say("The page's server does not answer. Is it still running?", "error");
    return null;
  }
  if (answer.ok) return body;
  say(body.error, "error");
  if (which && body.photo !== undefined) {
    element(`${which}-photos`).querySelectorAll("img")[body.photo].classList.add("bad");
  }
  return null;
}

async function enroll() {
  const body = await call("enroll", "enroll");
  if (!body) return;
  showCompared("enroll", body.faces);
  say(`Enrolled with ${body.templates} photo${body.templates === 1 ? "" : "s"}.`);
}

async function authenticate() {
  const body = await call("authenticate", "authenticate");
  if (!body) return;
  showCompared("authenticate", body.faces);
  const word = body.accepted ? "Accepted" : "Rejected";
  say(
    `${word}: score ${body.score.toFixed(3)}, accepted from ${body.threshold}.`,
    word.toLowerCase()
  );
  element("meter").value = body.score;
  element("meter").textContent = body.score.toFixed(3);
  element("result").hidden = false;
}

async function forget() {
  const body = await call("forget", null);
  if (body) say("Forgotten: every template under this ID is deleted.");
}

for (const which of ["enroll", "authenticate"]) {
  element(`${which}-files`).addEventListener("change", (event) => addFiles(which, event.target));
  element(`${which}-camera`).addEventListener("click", () => openCamera(which));
}
element("enroll-clear").addEventListener("click", () => {
  photos.enroll = [];
  show("enroll");
  say("");
});
element("video").addEventListener("loadeddata", cameraIsReady);
element("shoot").addEventListener("click", shoot);
element("stop").addEventListener("click", closeCamera);
element("enroll").addEventListener("click", enroll);
element("authenticate").addEventListener("click", authenticate);
element("forget").addEventListener("click", forget);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !element("camera").hidden) closeCamera();
});
