// The blind test: pairs of one row in random order, votes in this browser and as a file.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const report = document.body.dataset.report;
  const key = `scoretap votes ${report}`;
  const columns = ["time", "listener", "digit", "model_a", "guidance_scale_a", "way_a", "seed_a", "file_a", "model_b",
    "guidance_scale_b", "way_b", "seed_b", "file_b", "choice", "plays_a", "plays_b"];
  const choices = [...document.querySelectorAll("[data-choice]")];
  let { votes, listener } = load();
  let trial = null; // { a, b, plays: { a, b } }

  function load() {
    try {
      const stored = JSON.parse(localStorage.getItem(key));
      if (Array.isArray(stored.votes)) return { votes: stored.votes, listener: String(stored.listener || "") };
    } catch {
      // nothing stored yet, nothing that can be read, or no storage here
    }
    return { votes: [], listener: "" };
  }

  // Whether the votes are safe from a reload.
  function store() {
    try {
      localStorage.setItem(key, JSON.stringify({ listener, votes }));
      return true;
    } catch {
      return false;
    }
  }

  const file = (clip) => clip.audio.getAttribute("src");
  const nameOf = (one, other) => [one, other].sort().join(" ");

  function pairs() {
    const rows = new Map();
    for (const clip of Listening.shown()) {
      if (clip.scale === "" && clip.model === "Real speech" && !$("with-real").checked) continue;
      rows.set(clip.row, [...(rows.get(clip.row) || []), clip]);
    }
    return [...rows.values()].flatMap((row) => row.flatMap((one, i) => row.slice(i + 1).map((other) => [one, other])));
  }

  function draw() {
    Listening.stop();
    const judged = new Set(votes.map((vote) => nameOf(vote.file_a, vote.file_b)));
    const all = pairs();
    const left = all.filter(([one, other]) => !judged.has(nameOf(file(one), file(other))));
    const pair = left[Math.floor(Math.random() * left.length)];
    trial = null;
    if (pair) {
      const [a, b] = Math.random() < 0.5 ? pair : [pair[1], pair[0]];
      trial = { a, b, plays: { a: 0, b: 0 } };
      $("digit").textContent = a.word === "any digit" ? "a digit" : `“${a.word}”`;
    }
    $("trial").hidden = !pair;
    show(all.length, left.length);
  }

  function show(all, left) {
    const saved = store();
    const kept = `${votes.length} ${votes.length === 1 ? "vote" : "votes"} kept`;
    const done = !all ? "No row has two clips to compare: change the filters." : left ? "" : "Every pair is judged: save your votes.";
    const lost = saved ? "" : " This browser stores nothing: save your votes before you leave.";
    $("progress").textContent = `${done || `${all - left} of ${all} pairs judged`} · ${kept}${lost}`;
    for (const side of ["a", "b"]) {
      $(`side-${side}`).classList.toggle("heard", Boolean(trial && trial.plays[side]));
      $(`side-${side}`).querySelector("span").textContent = trial && trial.plays[side] ? "again" : "play";
    }
    for (const button of choices) button.disabled = !(trial && trial.plays.a && trial.plays.b);
    for (const id of ["save-csv", "save-json", "undo", "forget"]) $(id).disabled = !votes.length;
    if ($("tally").open) tally();
  }

  // Both at the level of the softer one, since what is louder is taken for better.
  function volume(side) {
    const own = parseFloat(trial[side].loudness);
    const other = parseFloat(trial[side === "a" ? "b" : "a"].loudness);
    const lower = $("same-loudness").checked && own > other ? other - own : 0;
    return Math.max(10 ** (lower / 20), 0.03);
  }

  function hear(side) {
    if (!trial) return;
    const now = trial;
    const ended = () => {
      now.plays[side] += 1;
      if (now === trial) refresh();
    };
    Listening.play(trial[side], { volume: volume(side), on: $(`side-${side}`), ended });
  }

  function refresh() {
    const judged = new Set(votes.map((vote) => nameOf(vote.file_a, vote.file_b)));
    const all = pairs();
    show(all.length, all.filter(([one, other]) => !judged.has(nameOf(file(one), file(other)))).length);
  }

  function vote(choice) {
    if (!trial || !trial.plays.a || !trial.plays.b) return;
    const entry = { time: new Date().toISOString(), listener, digit: trial.a.row.dataset.digit };
    for (const side of ["a", "b"]) {
      const clip = trial[side];
      entry[`model_${side}`] = clip.model;
      entry[`guidance_scale_${side}`] = clip.scale === "" ? null : Number(clip.scale);
      entry[`way_${side}`] = clip.way;
      entry[`seed_${side}`] = clip.seed; // as text: seeds reach 2^63, numbers here only 2^53
      entry[`file_${side}`] = file(clip);
      entry[`plays_${side}`] = trial.plays[side];
    }
    votes.push({ ...entry, choice });
    draw();
    $("side-a").focus();
  }

  function undo() {
    votes.pop();
    draw();
  }

  function tally() {
    const counts = new Map();
    const name = (entry, side) => {
      const scale = entry[`guidance_scale_${side}`];
      return `${entry[`model_${side}`]}${scale === null ? "" : `, γ\u00a0=\u00a0${scale}`} · ${entry[`way_${side}`]}`;
    };
    for (const entry of votes) {
      for (const side of ["a", "b"]) {
        const count = counts.get(name(entry, side)) || [0, 0, 0];
        count[entry.choice === "tie" ? 2 : entry.choice === side ? 0 : 1] += 1;
        counts.set(name(entry, side), count);
      }
    }
    const share = ([won, lost, even]) => (won + even / 2) / (won + lost + even);
    const rows = [...counts].sort((one, other) => share(other[1]) - share(one[1])).map(([model, count]) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: model });
      const cells = [...count, `${Math.round(100 * share(count))} %`];
      row.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    $("tally").querySelector("tbody").replaceChildren(...rows);
  }

  // A field that a spreadsheet reads as text, whatever a model is called.
  function field(value) {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+@\t\r-]/.test(text) && typeof value !== "number" ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function save(suffix, type, text) {
    const who = listener.replace(/[^\p{L}\p{N}]+/gu, "-") || "listener";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `votes-${who}-${report.slice(0, 8)}.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  $("listener").value = listener;
  $("listener").addEventListener("input", () => {
    listener = $("listener").value.trim();
    store();
  });
  $("side-a").addEventListener("click", () => hear("a"));
  $("side-b").addEventListener("click", () => hear("b"));
  for (const button of choices) button.addEventListener("click", () => vote(button.dataset.choice));
  $("undo").addEventListener("click", undo);
  $("forget").addEventListener("click", () => {
    if (!confirm(`Delete ${votes.length} votes from this browser?`)) return;
    votes = [];
    draw();
  });
  $("with-real").addEventListener("change", draw);
  $("tally").addEventListener("toggle", () => $("tally").open && tally());
  $("save-json").addEventListener("click", () => save("json", "application/json", JSON.stringify({ report, votes }, null, 1)));
  $("save-csv").addEventListener("click", () => {
    const lines = [columns, ...votes.map((entry) => columns.map((column) => entry[column]))];
    save("csv", "text/csv", lines.map((line) => line.map(field).join(",")).join("\r\n") + "\r\n");
  });
  document.addEventListener("view", (event) => event.detail === "blind" && draw());
  document.addEventListener("keydown", (event) => {
    if (document.body.dataset.view !== "blind" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=text]")) return;
    const keys = { a: () => hear("a"), b: () => hear("b"), 1: () => vote("a"), 2: () => vote("b"), 0: () => vote("tie") };
    keys.u = () => votes.length && undo();
    const act = keys[event.key.toLowerCase()];
    if (!act) return;
    act();
    event.preventDefault();
  });
})();
