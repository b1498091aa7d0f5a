// The answer: a word, the two faces, the score beside its threshold, and how strict that is.

const element = (id) => document.getElementById(id);

function facePicture(content, alt, caption) {
  const figure = document.createElement("figure");
  const image = document.createElement("img");
  image.src = content;
  image.alt = alt;
  const text = document.createElement("figcaption");
  text.textContent = caption;
  figure.append(image, text);
  return figure;
}

function noPicture(text, caption) {
  const figure = document.createElement("figure");
  const box = document.createElement("div");
  box.className = "none";
  box.textContent = text;
  const below = document.createElement("figcaption");
  below.textContent = caption;
  figure.append(box, below);
  return figure;
}

function oneIn(rate) {
  return `1 in ${Math.round(1 / rate).toLocaleString("en")}`;
}

// What decision.json says is how many strangers reach the threshold. A score above it is reached by
// fewer, one below it by more.
export function strangersText(strangers, accepted) {
  if (!strangers) return "";
  const { rate, low, high, people, couples } = strangers;
  const base = `measured on ${couples.toLocaleString("en")} couples of ${people.toLocaleString("en")} people`;
  if (rate === 0) {
    return high > 0
      ? `Fewer than ${oneIn(high)} strangers get as far as the threshold (${base}).`
      : `No stranger got as far as the threshold (${base}).`;
  }
  const span = low > 0 ? `95 %: ${oneIn(high)} to ${oneIn(low)}; ` : `at most ${oneIn(high)}; `;
  return accepted
    ? `A stranger would get so far in at most about ${oneIn(rate)} tries (${span}${base}).`
    : `About ${oneIn(rate)} strangers would get in (${span}${base}).`;
}

export function hideResult() {
  element("result").hidden = true;
}

// Args: the server's answer, and the pictures (as URLs) of the enrolled and of the present face.
export function showResult(answer, enrolled, now) {
  const score = answer.score.toFixed(3);
  const result = element("result");
  result.classList.toggle("accepted", answer.accepted);
  element("verdict").textContent = answer.accepted ? "Accepted" : "Rejected";
  element("meter").setAttribute("aria-valuenow", score);
  element("meter").setAttribute(
    "aria-valuetext", `${score}, accepted from ${answer.threshold}`
  );
  element("fill").style.width = `${100 * answer.score}%`;
  element("mark").style.left = `${100 * answer.threshold}%`;
  element("mark-label").textContent = `accepted from ${answer.threshold}`;
  const count = answer.templates;
  element("numbers").textContent =
    `Score ${score}, on average over ${count} enrolled photo${count === 1 ? "" : "s"}.`;
  element("strangers").textContent = strangersText(answer.strangers, answer.accepted);
  element("pair").replaceChildren(
    enrolled
      ? facePicture(enrolled, "The face that was enrolled", "Enrolled")
      : noPicture("Enrolled before: photos are not kept", "Enrolled"),
    facePicture(now, "The face of now", "Now")
  );
  result.hidden = false;
}
