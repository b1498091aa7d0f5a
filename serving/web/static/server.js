// Calls of the page's own server.

export class Refused extends Error {
  constructor(body, status) {
    super(body.error);
    this.photo = body.photo;
    this.look = body.look;
    this.status = status;
  }
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

export async function call(action, id, blobs = []) {
  const content = { id };
  if (blobs.length || action !== "forget") content.photos = await Promise.all(blobs.map(base64));
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
    throw new Error("The page's server does not answer. Is it still running?");
  }
  if (!answer.ok) throw new Refused(body, answer.status);
  return body;
}
