"use strict";
(() => {
  // Tables whose heads hold buttons sort by a click; a cell's data-value is what is compared.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    // What has no value comes last, whichever way.
    if (a === "" || b === "") return 0;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) =>
        (a === "") - (b === "") || (falling ? -1 : 1) * compare(a, b));
      body.append(...rows.map(([, row]) => row));
    }));
  });

  // What another threshold would do to the test pairs.
  document.querySelectorAll(".explorer").forEach((box) => {
    const steps = JSON.parse(box.dataset.steps);
    const slider = box.querySelector("input");
    const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(2)} %` : "–");
    const show = () => {
      const at = Number(slider.value);
      const [tp, fp] = [steps.tp[at], steps.fp[at]];
      const [fn, tn] = [steps.same - tp, steps.different - fp];
      const values = {
        threshold: steps.threshold[at].toPrecision(4),
        accuracy: percent(tp + tn, steps.same + steps.different),
        fmr: percent(fp, steps.different), fnmr: percent(fn, steps.same),
        fp, fn,
      };
      Object.entries(values).forEach(([name, value]) => {
        box.querySelector(`[data-name="${name}"]`).textContent = value;
      });
      slider.setAttribute("aria-valuetext", `threshold ${values.threshold}`);
    };
    const reset = () => { slider.value = steps.chosen; show(); };
    slider.max = steps.threshold.length - 1;
    slider.addEventListener("input", show);
    box.querySelector("button").addEventListener("click", reset);
    reset();
  });
})();
