// The page without the blind test: one player at a time, filters, keys and views. blind.js uses what `Listening` holds.
"use strict";

const Listening = (() => {
  const $ = (id) => document.getElementById(id);
  const clips = [...document.querySelectorAll(".clip")].map((button) => {
    const cell = button.closest("td");
    return { button, cell, row: button.closest("tr"), audio: cell.querySelector("audio"), ...button.dataset, ...cell.dataset };
  });
  let current = null; // the clip that plays or played last
  let waiting = []; // clips to play after it
  let shows = null; // what shows progress: the player itself, or a button of the blind test

  function frame() {
    if (!shows || !current) return;
    shows.style.setProperty("--progress", current.audio.duration ? current.audio.currentTime / current.audio.duration : 0);
    requestAnimationFrame(frame);
  }

  function stop() {
    if (shows) shows.classList.remove("playing");
    if (current) current.audio.pause();
    shows = null;
    $("bar").classList.remove("playing");
  }

  // Plays one clip from its beginning; `volume` at most 1, `on` is the button that shows progress.
  function play(clip, { volume = 1, on = clip.button, then = [], ended = null } = {}) {
    stop();
    current = clip;
    waiting = then;
    shows = on;
    on.classList.add("playing");
    $("bar").classList.add("playing");
    if (on === clip.button) $("playing").textContent = clip.name;
    clip.audio.currentTime = 0;
    clip.audio.volume = volume;
    clip.audio.onended = () => {
      if (current !== clip) return;
      stop();
      if (ended) ended();
      const next = waiting.shift() || (on === clip.button && $("go-on").checked ? beside(clip, 1) : null);
      if (next) choose(next, waiting);
    };
    requestAnimationFrame(frame);
    return clip.audio.play().catch((error) => {
      if (error.name === "AbortError") return; // another clip was chosen meanwhile
      stop();
      clip.button.classList.add("failed");
      $("playing").textContent = `Cannot play ${clip.name} (${error.message})`;
    });
  }

  const isShown = (clip) => !clip.cell.hidden && !clip.row.hidden;
  const shown = () => clips.filter(isShown);

  function beside(clip, step) {
    const list = shown();
    const at = clip ? list.indexOf(clip) : -1;
    return at < 0 ? list[0] : list[at + step];
  }

  // One tab stop for all players: arrow keys move it.
  function focus(clip) {
    for (const each of clips) each.button.tabIndex = each === clip ? 0 : -1;
    clip.button.focus({ preventScroll: true });
    clip.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function choose(clip, then = []) {
    if (!clip) return;
    focus(clip);
    play(clip, { then });
  }

  function toggle(clip) {
    if (shows && current === clip) stop();
    else choose(clip);
  }

  function above(clip, step) {
    const rows = [...new Set(shown().map((each) => each.row))];
    const row = rows[rows.indexOf(clip.row) + step];
    const inRow = shown().filter((each) => each.row === row);
    return inRow.find((each) => each.column === clip.column) || inRow[0];
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.view !== "listen") return;
    if (event.target.matches("input[type=text], input[type=checkbox]") && event.key !== "Escape") return;
    const focused = clips.find((clip) => clip.button === document.activeElement);
    const moves = { ArrowRight: [beside, 1], ArrowLeft: [beside, -1], ArrowDown: [above, 1], ArrowUp: [above, -1] };
    if (event.key in moves && focused) {
      const [way, step] = moves[event.key];
      const clip = way(focused, step);
      if (clip) focus(clip);
    } else if (event.key === "n" || event.key === "p") choose(beside(focused || current, event.key === "n" ? 1 : -1));
    else if (event.key === "Escape") stop();
    else return;
    event.preventDefault();
  }

  function filter() {
    const wanted = { digit: new Set(), model: new Set(), scale: new Set() };
    for (const box of $("filters").querySelectorAll("input:checked")) wanted[box.name].add(box.value);
    const fits = (name, value) => !wanted[name].size || wanted[name].has(value);
    for (const cell of document.querySelectorAll(".players [data-column]")) {
      // Recordings have no guidance scale: only the filter of models hides them.
      const { model, scale } = cell.dataset;
      cell.hidden = !fits("model", model) || !(scale === "" || fits("scale", scale));
    }
    for (const row of document.querySelectorAll(".players tbody tr")) {
      row.hidden = !fits("digit", row.dataset.digit) || !row.querySelector("td:not([hidden]) .clip");
    }
    for (const table of document.querySelectorAll(".players")) {
      // Nor does a column stay that has nothing in the rows that do.
      const filled = new Set([...table.querySelectorAll("tr:not([hidden]) td:not([hidden]) .clip")]
        .map((button) => button.closest("td").dataset.column));
      for (const cell of table.querySelectorAll("[data-column]")) cell.hidden ||= !filled.has(cell.dataset.column);
      table.hidden = !table.querySelector("tbody tr:not([hidden])");
      if (table.previousElementSibling?.matches("h2")) table.previousElementSibling.hidden = table.hidden;
      table.style.setProperty("--columns", table.querySelectorAll("thead th:not([hidden])").length);
    }
    const list = shown();
    if (list.length && !list.some((clip) => clip.button.tabIndex === 0)) {
      for (const clip of clips) clip.button.tabIndex = clip === list[0] ? 0 : -1;
    }
    if (current && !isShown(current)) stop();
    $("shown").textContent = `${list.length} of ${clips.length} clips`;
    $("nothing").hidden = list.length > 0;
    $("all").hidden = !$("filters").querySelector("input:checked");
  }

  function view(name) {
    stop();
    document.body.dataset.view = name;
    for (const section of ["listen", "scores", "blind"]) $(section).hidden = section !== name;
    for (const button of document.querySelectorAll(".views button")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === name));
    }
    $("bar").hidden = name !== "listen";
    document.dispatchEvent(new CustomEvent("view", { detail: name }));
  }

  document.documentElement.classList.add("js");
  $("filter-box").open = matchMedia("(min-width: 46.01rem)").matches;
  for (const clip of clips) {
    clip.button.tabIndex = -1;
    clip.audio.removeAttribute("controls");
    clip.button.addEventListener("click", () => toggle(clip));
  }
  for (const button of document.querySelectorAll(".row-play")) {
    button.addEventListener("click", () => {
      const [first, ...others] = shown().filter((clip) => clip.row === button.closest("tr"));
      choose(first, others);
    });
  }
  $("again").addEventListener("click", () => toggle(current && isShown(current) ? current : beside(null, 1)));
  $("next").addEventListener("click", () => choose(beside(current, 1)));
  $("previous").addEventListener("click", () => choose(beside(current, -1)));
  $("filters").addEventListener("change", filter);
  $("filters").addEventListener("reset", () => setTimeout(filter));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll(".views button")) {
    button.addEventListener("click", () => view(button.dataset.view));
  }
  document.addEventListener("keydown", onKey);
  filter();
  view("listen");
  return { clips, play, stop, shown };
})();
