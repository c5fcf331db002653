"use strict";
(() => {
  const HEIGHTS = { track: 74, contributions: 120, sequence: 18, gap: 26, top: 24, bottom: 46 };
  const LEFT = 46;
  const RIGHT = 10;
  const LEAST_SPAN = 20; // bases
  const LETTER_PIXELS = 5; // below this width a letter cannot be read
  const MOST_LETTERS = 150;

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)");
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const whole = (value) => Math.round(value).toLocaleString("en");
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  // What bpflow.packed_arrays packed; no number is NaN.
  function unpack({ dtype, data }) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)).buffer;
    if (dtype === "u1") return new Uint8Array(bytes);
    if (dtype === "u2") return new Uint16Array(bytes);
    if (dtype === "u4") return new Uint32Array(bytes);
    return Float32Array.from(new Uint16Array(bytes), half);
  }

  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return NaN;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  }

  function extremes(values) {
    let low = 0;
    let high = 0;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }

  function browse(root) {
    const part = (name) => root.querySelector(`[data-${name}]`);
    const content = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const [select, place, plot, head] = ["locus", "place", "plot", "head"].map(part);
    const unpacked = new Map();
    let locus, from, to; // the view, [from, to), counted from 0 as in the record
    let drawn = false;
    let printing = false;

    const colourOf = (light) => (dark.matches && !printing ? darkColours[light] || light : light);

    function tracksOf(index) {
      if (!unpacked.has(index)) {
        const tracks = Object.entries(content.loci[index].tracks).map(([name, packed]) => [name, unpack(packed)]);
        unpacked.set(index, Object.fromEntries(tracks));
      }
      return unpacked.get(index);
    }

    function choose(index) {
      locus = content.loci[index];
      locus.index = index;
      select.value = String(index);
      look(locus.start, locus.end);
    }

    // Show [start, end), moved and cut to fit into the locus.
    function look(start, end) {
      const span = Math.min(Math.max(Math.round(end - start), LEAST_SPAN), locus.end - locus.start);
      from = Math.max(locus.start, Math.min(Math.round((start + end - span) / 2), locus.end - span));
      to = from + span;
      tell();
      if (drawn) draw();
    }

    function tell() {
      const observed = tracksOf(locus.index).observed.slice(from - locus.start, to - locus.start);
      const seen = observed.reduce((sum, value) => sum + value, 0);
      const name = locus.name.includes(":") ? "" : `${locus.name}, `;
      const hint = lettersFit() ? "" : " Zoom in to read the sequence.";
      part("view").textContent =
        `${name}${locus.chrom}:${whole(from + 1)}-${whole(to)}: ${whole(to - from)} of ` +
        `${whole(locus.end - locus.start)} bases in view; observed insertions: ${whole(seen)}. ` +
        `Predicted by ${locus.models}.${hint}`;
    }

    function lettersFit() {
      const pixels = (plot.clientWidth - LEFT - RIGHT) / (to - from);
      return to - from <= MOST_LETTERS && pixels >= LETTER_PIXELS;
    }

    // A panel's y range over the view or the locus, with a little room.
    function rangeOf(names, tracks) {
      const [first, last] = part("fitted").checked ? [from, to] : [locus.start, locus.end];
      const ends = names.map((name) => extremes(tracks[name].subarray(first - locus.start, last - locus.start)));
      const low = Math.min(...ends.map((end) => end[0]));
      const high = Math.max(...ends.map((end) => end[1]));
      const room = 0.05 * (high - low) || 1;
      return [low && low - room, high + room];
    }

    function steps(values, axis, colour, name, hidden) {
      const shown = values.slice(from - locus.start, to - locus.start);
      // A base more on both sides, out of sight, so that the outermost steps are whole.
      const y = Float32Array.of(shown[0], ...shown, shown[shown.length - 1]);
      return {
        x0: from, dx: 1, y, xaxis: "x", yaxis: axis, name, mode: "lines", fill: "tozeroy",
        line: { color: colour, width: hidden ? 0 : 1, shape: "hvh" },
        fillcolor: hidden ? "rgba(0,0,0,0)" : colour,
        opacity: hidden ? 0 : 1,
        hovertemplate: "%{y:.3~g}",
      };
    }

    // One trace a base: the letters' outlines, as high as their values.
    function letters(heightOf, axis) {
      return Object.entries(content.letters).map(([base, { colour, outline }]) => {
        const x = [];
        const y = [];
        for (let position = from; position < to; position++) {
          if (locus.sequence[position - locus.start] !== base) continue;
          const height = heightOf(position - locus.start);
          for (const polygon of outline) {
            for (const [right, up] of polygon) {
              x.push(position + 0.53 + 0.94 * right);
              y.push(up * height);
            }
            x.push(null);
            y.push(null);
          }
        }
        return {
          x, y, xaxis: "x", yaxis: axis, mode: "lines", fill: "toself", fillcolor: colour,
          line: { width: 0, color: colour }, hoverinfo: "skip",
        };
      });
    }

    function figure() {
      const tracks = tracksOf(locus.index);
      const style = getComputedStyle(document.documentElement);
      const named = (name) => style.getPropertyValue(name).trim();
      const ink = printing ? "#000000" : named("--ink");
      const line = printing ? "#bbbbbb" : named("--line");
      const readable = lettersFit();
      const panels = content.panels.map((panel) => ({ ...panel, height: HEIGHTS.track }));
      panels.push({
        track: head.value, colour: content.contributions.colour, name: `contribution to ${head.value}`,
        title: content.contributions.titles[head.value], height: HEIGHTS.contributions,
      });
      const inner = panels.reduce((sum, { height }) => sum + height + HEIGHTS.gap, HEIGHTS.sequence);
      const insertions = content.panels.map(({ track }) => track);
      const data = [];
      const layout = {
        height: inner + HEIGHTS.top + HEIGHTS.bottom,
        margin: { l: LEFT, r: RIGHT, t: HEIGHTS.top, b: HEIGHTS.bottom },
        showlegend: false,
        hovermode: "x unified",
        hoversubplots: "axis",
        dragmode: coarse.matches ? false : "zoom",
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink },
        hoverlabel: { bgcolor: named("--surface"), bordercolor: line, font: { color: ink } },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: named("--quiet"), activecolor: ink },
        annotations: [],
      };
      let top = inner;
      panels.forEach(({ track, colour, title, name, height }, index) => {
        const key = index ? `y${index + 1}` : "y";
        const asLetters = readable && track === head.value;
        const common = part("common").checked && insertions.includes(track);
        layout[`yaxis${index ? index + 1 : ""}`] = {
          domain: [(top - height) / inner, top / inner],
          range: rangeOf(common ? insertions : [track], tracks),
          fixedrange: true, nticks: 4, anchor: "x", gridcolor: line, zerolinecolor: line, zerolinewidth: 1,
        };
        layout.annotations.push({
          text: title, x: 0, xref: "paper", xanchor: "left", y: top / inner, yref: "paper", yanchor: "bottom",
          showarrow: false, font: { size: 12, color: ink },
        });
        data.push(steps(tracks[track], key, colourOf(colour), name, asLetters));
        if (asLetters) data.push(...letters((offset) => tracks[track][offset] || 0, key));
        top -= height + HEIGHTS.gap;
      });
      const last = `y${panels.length + 1}`;
      layout[`yaxis${panels.length + 1}`] = {
        domain: [0, HEIGHTS.sequence / inner], range: [0, 1], fixedrange: true, visible: false, anchor: "x",
      };
      data.push({
        x0: from + 1, dx: 1, y: new Float32Array(to - from).fill(0.5),
        text: [...locus.sequence.slice(from - locus.start, to - locus.start)],
        xaxis: "x", yaxis: last, name: "base", mode: "lines", line: { width: 0, color: ink },
        hovertemplate: "%{text}",
      });
      if (readable) data.push(...letters(() => 1, last));
      layout.xaxis = {
        title: { text: `position on ${escaped(locus.chrom)} (bp, from 1)`, standoff: 8 },
        range: [from + 0.5, to + 0.5], minallowed: locus.start + 0.5, maxallowed: locus.end + 0.5,
        anchor: last, tickformat: ",d", hoverformat: ",d", nticks: Math.max(3, Math.floor(plot.clientWidth / 110)),
        gridcolor: line, linecolor: line, zeroline: false,
      };
      return { data, layout };
    }

    function draw() {
      const { data, layout } = figure();
      const options = {
        responsive: true, displaylogo: false, scrollZoom: !coarse.matches, doubleClick: false,
        displayModeBar: coarse.matches ? false : "hover", modeBarButtons: [["toImage"]],
      };
      if (drawn) return Plotly.react(plot, data, layout, options);
      drawn = true;
      Plotly.newPlot(plot, data, layout, options);
      plot.on("plotly_relayout", (change) => {
        const range = change["xaxis.range"] || [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (Number.isFinite(range[0]) && Number.isFinite(range[1])) look(range[0] - 0.5, range[1] - 0.5);
      });
      plot.on("plotly_doubleclick", () => actions.whole());
    }

    const zoom = (factor) => {
      const middle = (from + to) / 2;
      const reach = ((to - from) * factor) / 2;
      look(middle - reach, middle + reach);
    };
    const pan = (direction) => {
      const step = direction * Math.max(1, Math.round(0.4 * (to - from)));
      look(from + step, to + step);
    };
    const actions = {
      left: () => pan(-1),
      right: () => pan(1),
      "zoom-in": () => zoom(0.5),
      "zoom-out": () => zoom(2),
      whole: () => look(locus.start, locus.end),
      go: () => say(find(place.value.trim())),
    };

    function say(problem) {
      part("message").textContent = problem;
      place.setAttribute("aria-invalid", String(Boolean(problem)));
    }

    // Go to what was typed; what keeps from it is returned.
    function find(text) {
      if (!text) return "Type the name of a locus, or a place such as chr1:1,000-2,000.";
      const known = content.loci.findIndex(({ name }) => name.toLowerCase() === text.toLowerCase());
      if (known >= 0) {
        choose(known);
        return "";
      }
      const match = text.replaceAll(",", "").match(/^(\S+):(\d+)(?:\s*(?:-|\.\.)\s*(\d+))?$/);
      if (!match) return `No locus of this page is called "${text}", and it is no place such as chr1:1,000-2,000.`;
      const first = Number(match[2]) - 1;
      const last = match[3] ? Number(match[3]) : first + 1;
      if (last <= first) return `In ${text} the end lies before the start.`;
      const meets = ({ chrom, start, end }) => chrom === match[1] && first < end && last > start;
      const found = meets(locus) ? locus.index : content.loci.findIndex(meets);
      if (found < 0) {
        return `${text} is not in this page, which holds ${content.loci.length} loci only. ` +
          "Name it in the file of the key report.loci, or open the tracks in a genome browser.";
      }
      choose(found);
      const spare = Math.max(0, LEAST_SPAN - (last - first)) / 2;
      look(Math.max(first - spare, locus.start), Math.min(last + spare, locus.end));
      const cut = first < locus.start || last > locus.end;
      return cut ? `Only a part of ${text} is in this page; that part is shown.` : "";
    }

    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      if (button) actions[button.dataset.action]();
    });
    place.addEventListener("keydown", (event) => event.key === "Enter" && actions.go());
    select.addEventListener("change", () => {
      say("");
      choose(Number(select.value));
    });
    for (const control of [head, part("common"), part("fitted")]) {
      control.addEventListener("change", () => drawn && draw());
    }
    const keys = {
      ArrowLeft: "left", ArrowRight: "right", "+": "zoom-in", "=": "zoom-in", "-": "zoom-out",
      0: "whole", Home: "whole",
    };
    plot.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      actions[keys[event.key]]();
    });

    part("controls").hidden = plot.hidden = false;
    plot.style.minHeight = "600px";
    choose(0);
    // Drawn when it comes near the screen.
    const watcher = new IntersectionObserver(
      (entries) => {
        if (!drawn && entries.some((entry) => entry.isIntersecting)) {
          draw();
          tell();
        }
      },
      { rootMargin: "600px" },
    );
    watcher.observe(plot);
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (drawn && plot.clientWidth !== width) look(from, to);
      width = plot.clientWidth;
    }).observe(plot);
    dark.addEventListener("change", () => drawn && draw());
    for (const [name, now] of [["beforeprint", true], ["afterprint", false]]) {
      window.addEventListener(name, () => {
        printing = now;
        draw();
      });
    }
  }

  document.querySelectorAll("[data-loci]").forEach(browse);
})();
