// A local stand-in for the part of Google Charts that TFMA's slicing metrics page calls: tables and
// columns. TFMA looks for window.google first and otherwise fetches the library from gstatic.com,
// which a report that opens from disk, and that may be confidential, must not do.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";

  const listeners = new WeakMap();
  const listen = (source, name, handler, once) => {
    if (!source) return;
    if (!listeners.has(source)) listeners.set(source, []);
    listeners.get(source).push({ name, handler, once });
  };
  const emit = (source, name, detail) => {
    const all = listeners.get(source) || [];
    listeners.set(source, all.filter((each) => each.name !== name || !each.once));
    all.filter((each) => each.name === name).forEach((each) => each.handler(detail));
  };

  // A cell is a plain value, or {v: value, f: how to show it}.
  const valueOf = (cell) => (cell !== null && typeof cell === "object" ? cell.v : cell);
  const textOf = (cell) =>
    cell !== null && typeof cell === "object" && cell.f !== undefined ? cell.f : String(cell ?? "");
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  class DataTable {
    constructor(given = {}) {
      this.header = (given.cols || []).map((column) => column.label || "");
      this.rows = (given.rows || []).map((row) => row.c || row);
    }
    addRows(rows) { this.rows.push(...rows); }
    getNumberOfRows() { return this.rows.length; }
    sort(by) {
      const { column, desc } = Array.isArray(by) ? by[0] : by;
      this.rows.sort((a, b) => compare(valueOf(a[column]), valueOf(b[column])) * (desc ? -1 : 1));
    }
  }

  const arrayToDataTable = (rows) => {
    const table = new DataTable();
    [table.header, ...table.rows] = rows;
    return table;
  };

  class DataView {
    constructor(table) { this.table = table; this.columns = table.header.map((_, at) => at); }
    setColumns(columns) { this.columns = columns.filter((column) => typeof column === "number"); }
    getNumberOfRows() { return this.table.rows.length; }
    get header() { return this.columns.map((at) => this.table.header[at]); }
    get rows() { return this.table.rows.map((row) => this.columns.map((at) => row[at])); }
  }

  class Chart {
    constructor(container) { this.container = container; this.selection = []; }
    getSelection() { return this.selection; }
    setSelection(selection) { this.selection = selection || []; this.mark(); }
    select(row) { this.setSelection([{ row, column: 1 }]); emit(this, "select"); }
    mark() {
      const chosen = new Set(this.selection.map((each) => String(each.row)));
      this.container.querySelectorAll("[data-row]").forEach((element) =>
        element.classList.toggle("google-visualization-table-tr-sel", chosen.has(element.dataset.row)));
    }
  }

  class Table extends Chart {
    draw(data) {
      const prefix = "google-visualization-table";
      const order = data.rows.map((_, at) => at);
      if (this.sorted) {
        const { column, ascending } = this.sorted;
        order.sort((a, b) =>
          compare(valueOf(data.rows[a][column]), valueOf(data.rows[b][column])) * (ascending ? 1 : -1));
      }
      const table = document.createElement("table");
      table.className = `${prefix}-table`;
      const head = table.createTHead().insertRow();
      head.className = `${prefix}-tr-head`;
      data.header.forEach((label, column) => {
        const cell = document.createElement("th");
        cell.className = `${prefix}-th`;
        cell.style.cursor = "pointer";
        cell.textContent = label;
        if (this.sorted && this.sorted.column === column) {
          cell.append(this.sorted.ascending ? " ▲" : " ▼");
        }
        cell.addEventListener("click", () => {
          const again = this.sorted && this.sorted.column === column;
          this.sorted = { column, ascending: again ? !this.sorted.ascending : true };
          this.draw(data);
        });
        head.append(cell);
      });
      const body = table.createTBody();
      order.forEach((at) => {
        const row = body.insertRow();
        row.dataset.row = at;
        row.addEventListener("click", () => this.select(at));
        data.rows[at].forEach((cell) => {
          const place = row.insertCell();
          place.className = `${prefix}-td`;
          const text = textOf(cell);
          // TFMA's own elements, such as a confusion matrix; all else is text.
          if (String(text).startsWith("<tfma-")) place.innerHTML = text;
          else place.textContent = text;
        });
      });
      const frame = document.createElement("div");
      frame.className = prefix;
      frame.style.overflowX = "auto";
      frame.append(table);
      this.container.replaceChildren(frame);
      this.mark();
      emit(this, "ready");
      if (this.sorted) emit(this, "sort", { ...this.sorted, sortedIndexes: order });
    }
  }

  const drawn = (parent, name, attributes = {}, text = "") => {
    const element = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.textContent = text;
    parent.append(element);
    return element;
  };

  class ColumnChart extends Chart {
    draw(data, options = {}) {
      const [width, height, left, top, bottom] = [options.width || 680, options.height || 200, 56, 28, 22];
      const inner = height - top - bottom;
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      svg.style.font = "12px system-ui, sans-serif";
      // TFMA looks for its bars and their labels by their place among the groups of the drawing: the
      // bars second in the group with a clip-path, the labels in the third group after that one.
      const clipped = drawn(svg, "g", { "clip-path": "none" });
      const grid = drawn(clipped, "g");
      const bars = drawn(clipped, "g");
      const axis = drawn(svg, "g", { fill: "#666", "text-anchor": "end" });
      const legend = drawn(svg, "g");
      const labels = drawn(svg, "g", { fill: "#444", "text-anchor": "middle", "font-size": 10 });

      const rows = data.rows;
      const heights = rows.flatMap((row) => row.slice(1).map((cell) => Number(valueOf(cell)) || 0));
      const highest = Math.max(0, ...heights);
      for (let step = 0; step <= 4; step += 1) {
        const y = top + inner * (1 - step / 4);
        drawn(grid, "line", { x1: left, x2: width, y1: y, y2: y, stroke: "#ddd" });
        drawn(axis, "text", { x: left - 6, y: y + 4 }, Number(((highest * step) / 4).toPrecision(4)));
      }
      const colours = ["#3366cc", "#dc3912"];
      const slot = (width - left) / Math.max(rows.length, 1);
      const series = data.header.length - 1;
      data.header.slice(1).forEach((label, number) => {
        const fill = colours[number % colours.length];
        drawn(legend, "text", { x: left + 240 * number, y: 14, fill }, `■ ${label}`);
        rows.forEach((row, at) => {
          const value = Number(valueOf(row[number + 1])) || 0;
          const size = highest ? (inner * value) / highest : 0;
          const x = left + slot * (at + 0.12 + (0.76 * number) / series);
          const bar = drawn(bars, "rect", {
            x, y: top + inner - size, width: (0.76 * slot) / series, height: size, fill,
          });
          bar.dataset.row = at;
          bar.addEventListener("click", () => this.select(at));
          const shown = Number(value.toPrecision(4));
          drawn(bar, "title", {}, `${textOf(row[0])}: ${shown}`);
          // A histogram's columns have a number to stand at; labels in their hundreds would overlap.
          const many = rows.length > 30;
          const middle = x + (0.38 * slot) / series;
          drawn(labels, "text", { x: middle, y: top + inner - size - 3 }, many ? "" : shown);
        });
      });
      const ticks = (options.hAxis && options.hAxis.ticks) || [];
      ticks.forEach((tick, at) => {
        const x = left + ((width - left) * at) / Math.max(ticks.length - 1, 1);
        drawn(axis, "text", { x, y: height - 6 }, tick.f);
      });
      this.container.replaceChildren(svg);
      emit(this, "ready");
    }
  }

  class Missing extends Chart {
    draw() {
      this.container.textContent = "This kind of chart is not in the local stand-in for Google Charts.";
      emit(this, "ready");
    }
  }

  const kinds = { Table, ColumnChart };

  class ChartWrapper {
    constructor({ container }) { this.container = container; this.chart = null; this.type = null; }
    setChartType(type) { if (type !== this.type) { this.type = type; this.chart = null; } }
    getChart() { return this.chart; }
    setDataTable(data) { this.data = data; }
    setOptions(options) { this.options = options; }
    draw() {
      if (!this.chart) {
        this.chart = new (kinds[this.type] || Missing)(this.container);
        listen(this.chart, "select", () => emit(this, "select"));
        listen(this.chart, "ready", () => emit(this, "ready"));
      }
      this.chart.draw(this.data, this.options);
    }
  }

  window.google = {
    charts: { load: () => Promise.resolve() },
    visualization: {
      DataTable, DataView, arrayToDataTable, ChartWrapper, ColumnChart, Table,
      events: {
        addListener: (source, name, handler) => listen(source, name, handler, false),
        addOneTimeListener: (source, name, handler) => listen(source, name, handler, true),
      },
    },
  };
  // Nor fonts from Google.
  window.polymerSkipLoadingFontRoboto = true;
})();
