// The camera, with advice from the finder itself before a picture is taken.

import { drawMarks } from "./marks.js";
import { call } from "./server.js";

// What is sent for advice is small, and the next picture waits for the answer to the last.
const ADVICE_SIDE = 400;
const PAUSE_MS = 350;

const element = (id) => document.getElementById(id);
let stream = null;
let timer = null;

export async function scaled(source, width, height, longest, quality) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}

export async function open() {
  stream = stream || (await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } }));
  element("video").srcObject = stream;
  element("camera").hidden = false;
  guide("Starting the camera…", "");
}

export function close() {
  clearTimeout(timer);
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  element("video").srcObject = null;
  element("shoot").disabled = true;
  element("camera").hidden = true;
  drawMarks(element("video-marks"), null);
}

// Until there is a picture of this stream, "Take photo" would do nothing: it is disabled.
export function ready() {
  element("shoot").disabled = false;
  element("shoot").focus();
  guide("", "");
  clearTimeout(timer);
  timer = setTimeout(advise, 0);
}

export function picture(longest, quality) {
  const video = element("video");
  return scaled(video, video.videoWidth, video.videoHeight, longest, quality);
}

function guide(text, state) {
  // Said again only when it changes, or a screen reader would never stop.
  if (element("guide").textContent !== text) element("guide").textContent = text;
  element("guide").className = state;
}

async function advise() {
  if (!stream || document.hidden) {
    if (stream) timer = setTimeout(advise, PAUSE_MS);
    return;
  }
  let look;
  try {
    look = await call("look", "", [await picture(ADVICE_SIDE, 0.85)]);
  } catch {
    // No advice; what is wrong is said when the photo is used.
    guide("", "");
    return;
  }
  if (!stream) return;
  if (!look.looks_for_faces) {
    guide("Photos are compared as they are.", "");
    return;
  }
  guide(look.message, look.state);
  drawMarks(element("video-marks"), look);
  element("camera").classList.toggle("bad", !look.usable);
  timer = setTimeout(advise, PAUSE_MS);
}
