"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)");
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const sources = new Map(plots.map((plot) => [plot, plot.querySelector("script").textContent]));
  const drawn = new Set();
  let printing = false;

  // The figure's data, with the colours and axes of the page as it looks now.
  function themed(plot) {
    const isDark = dark.matches && !printing;
    let text = sources.get(plot);
    if (isDark) {
      for (const [light, other] of Object.entries(darkColours)) text = text.replaceAll(light, other);
    }
    const { data, layout } = JSON.parse(text);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const ink = printing ? "#000000" : colour("--ink");
    const line = printing ? "#bbbbbb" : colour("--line");
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: printing ? 10 : 12, color: ink };
    layout.hoverlabel = { bgcolor: colour("--surface"), bordercolor: line, font: { color: ink } };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--quiet"), activecolor: ink };
    if (coarse.matches) layout.dragmode = false; // else a finger on a plot cannot scroll the page
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) {
        Object.assign(layout[key], { gridcolor: line, linecolor: line, zerolinecolor: line, zerolinewidth: 1 });
      }
    }
    return { data, layout };
  }

  function draw(plot) {
    const { data, layout } = themed(plot);
    const first = !drawn.has(plot);
    if (first) plot.textContent = "";
    drawn.add(plot);
    // Two buttons only: others crowd a small plot, and some send its data to a server.
    const options = {
      responsive: true,
      displaylogo: false,
      displayModeBar: coarse.matches ? false : "hover",
      modeBarButtons: [["toImage", "resetScale2d"]],
    };
    return first ? Plotly.newPlot(plot, data, layout, options) : Plotly.react(plot, data, layout, options);
  }

  // Plots keep the width that they were drawn in until the window changes, which paper does not do.
  function redraw(plot) {
    draw(plot);
    Plotly.Plots.resize(plot);
  }

  // Plots are drawn when they come near the screen, so that a page with many opens at once.
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting && !drawn.has(entry.target)) {
          draw(entry.target);
          watcher.unobserve(entry.target);
        }
      }
    },
    { rootMargin: "600px" },
  );
  plots.forEach((plot) => watcher.observe(plot));
  dark.addEventListener("change", () => drawn.forEach((plot) => draw(plot)));

  // On paper everything is open, on white, and as wide as the sheet.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    printing = true;
    document.documentElement.classList.add("printing");
    closed = [...document.querySelectorAll("main details:not([open])")];
    closed.forEach((item) => (item.open = true));
    plots.forEach(redraw);
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    document.documentElement.classList.remove("printing");
    closed.forEach((item) => (item.open = false));
    drawn.forEach(redraw);
  });

  // A link into a folded section opens it.
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.querySelector(":scope > details.fold")?.setAttribute("open", "");
    for (let item = target.parentElement; item; item = item.parentElement) {
      if (item.tagName === "DETAILS") item.open = true;
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  // On a phone the contents start closed and close again after a choice.
  const menu = document.getElementById("menu");
  const narrow = window.matchMedia("(max-width: 60rem)");
  const fit = () => (menu.open = !narrow.matches);
  narrow.addEventListener("change", fit);
  fit();
  menu.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) menu.open = false;
  });

  // The contents mark the section that is being read.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const targets = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  let queued = false;
  function mark() {
    queued = false;
    const passed = targets.filter((target) => target.getClientRects().length && target.getBoundingClientRect().top < 120);
    links.forEach((link) => link.removeAttribute("aria-current"));
    if (passed.length) links.get(passed[passed.length - 1].id).setAttribute("aria-current", "true");
  }
  window.addEventListener("scroll", () => {
    if (!queued) {
      queued = true;
      requestAnimationFrame(mark);
    }
  }, { passive: true });
  mark();
})();
