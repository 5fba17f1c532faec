
"use strict";
(() => {
  const WINDOW = 120; // seconds that charts show
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  const svg = (name, attributes = {}) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const html = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // ---- numbers as people read them ----

  const plain = new Intl.NumberFormat("en");
  const short = (value) => {
    if (value === null || !Number.isFinite(value)) return "–";
    if (value >= 1e6) return (value / 1e6).toPrecision(3) + " M";
    if (value >= 1e5) return (value / 1e3).toPrecision(3) + " k";
    return plain.format(value >= 100 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(2)));
  };
  const scaled = (value, units, step) => {
    if (value === null || !Number.isFinite(value)) return "–";
    let at = 0;
    while (value >= step * 0.9995 && at < units.length - 1) { value /= step; at += 1; }
    const isWhole = value >= 100 || value === 0 || Number.isInteger(value);
    return `${isWhole ? Math.round(value) : value.toPrecision(value >= 10 ? 3 : 2)} ${units[at]}`;
  };
  const bytes = (value) => scaled(value, ["B", "KiB", "MiB", "GiB", "TiB"], 1024);
  const time = (seconds) => seconds === null ? "–" : seconds < 1 ? scaled(seconds * 1e6, ["µs", "ms", "s"], 1000) : scaled(seconds, ["s"], 1000);
  const long = (seconds) => {
    const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
    const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
    const days = Math.floor(whole / 86400);
    return days ? `${days} d ${clock}` : clock;
  };

  // ---- what two looks at the server say of the time between them ----

  const NAMES = ["p50", "p90", "p99"], SHARES = [0.5, 0.9, 0.99];

  const quantiles = (now, before) => {
    const earlier = new Map(before.Latency.Buckets);
    const fresh = now.Latency.Buckets.map(([bound, count]) => [bound, count - (earlier.get(bound) || 0)]);
    const total = fresh.reduce((sum, [, count]) => sum + count, 0);
    return SHARES.map((share) => {
      let seen = 0;
      const found = fresh.find(([, count]) => (seen += count) >= Math.max(1, Math.ceil(share * total)));
      return total && found ? found[0] : null;
    });
  };

  const sampled = (now, before) => {
    const passed = now["Run time"] - before["Run time"];
    const rate = (name) => (now[name] - before[name]) / passed;
    const [p50, p90, p99] = quantiles(now, before);
    return {
      at: performance.now() / 1000,
      requests: rate("Requests"), failed: (now.Answers["5xx"] - before.Answers["5xx"]) / passed,
      p50, p90, p99,
      busy: now.Threads - now["Threads Idle"], threads: now.Threads,
      connections: now.Connections, parked: now.Parked, accepts: rate("Accepts"),
      queue: now.Queue, away: rate("Turned Away"),
      sent: rate("Bytes Written"), received: rate("Bytes Read"),
    };
  };

  // ---- charts ----

  const CARDS = [
    { id: "throughput", title: "Throughput", wide: true, figure: "requests", unit: "requests / s", show: short,
      lines: [["requests", "requests / s", "blue", true], ["failed", "5xx / s", "cherry"]],
      more: (now) => `${plain.format(now.Requests)} in all` },
    { id: "latency", title: "Latency", wide: true, figure: "p99", unit: "for 99 of 100", show: time, logarithmic: true,
      lines: [["p50", "p50", "teal"], ["p90", "p90", "amber", false, "5 3"], ["p99", "p99", "cherry", true]],
      more: (now) => now.Latency.Count ? `longest since the start ${time(now.Latency.Max)}` : "" },
    { id: "threads", title: "Threads", figure: "busy", show: short, whole: true,
      lines: [["busy", "busy", "violet", true], ["threads", "all", "soft", false, "4 3"]], more: (now) => `of ${plain.format(now.Threads)} busy` },
    { id: "connections", title: "Connections", figure: "connections", show: short, whole: true,
      lines: [["connections", "open", "leaf", true], ["parked", "parked", "amber", false, "4 3"]],
      more: (now, sample) => `open, ${short(sample.accepts)} new / s` },
    { id: "queue", title: "Queue", figure: "queue", show: short, whole: true,
      lines: [["queue", "waiting", "amber", true], ["away", "turned away / s", "cherry", false, "4 3"]],
      more: (now) => `waiting, ${plain.format(now["Turned Away"])} turned away` },
    { id: "traffic", title: "Traffic", figure: "sent", show: bytes, binary: true,
      lines: [["sent", "sent", "blue", true], ["received", "received", "teal", false, "4 3"]], more: () => "sent / s" },
  ];

  const samples = [];

  /** A round number that is at least `value`, and how many steps lead to it. */
  const ceiling = (value, card) => {
    const wanted = Math.max(value, card.whole ? 4 : card.binary ? 1024 : 1);
    const base = card.binary ? 1024 ** Math.floor(Math.log(wanted) / Math.log(1024)) : 1;
    const power = 10 ** Math.floor(Math.log10(wanted / base));
    for (const [factor, steps] of [[1, 4], [1.2, 4], [2, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 5]]) {
      const top = factor * power * base;
      if (top >= wanted && (!card.whole || Number.isInteger(top / steps))) return [top, steps];
    }
    return [10 * power * base, 5];
  };

  class Chart {
    constructor(card) {
      this.card = card;
      const box = html("section", card.wide ? "card wide" : "card");
      box.id = card.id;
      const figure = html("p", "figure");
      this.value = html("b", "", "–");
      this.note = html("span", "", card.unit || "");
      figure.append(this.value, this.note);
      const keys = html("ul", "keys");
      this.readings = card.lines.map(([, name, color, , dash]) => {
        const key = html("li", `c-${color}`), mark = svg("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" });
        mark.append(svg("path", { d: "M0 4H18", class: "stroke", "stroke-width": 2.5, "stroke-dasharray": dash || "none" }));
        const reading = html("b", "", "–");
        key.append(mark, document.createTextNode(name), reading);
        keys.append(key);
        return reading;
      });
      const plot = html("div", "plot");
      this.svg = svg("svg", { role: "img", "aria-label": card.title });
      plot.append(this.svg);
      box.append(html("h2", "", card.title), figure, keys, plot);
      byId("charts").append(box);
      this.hover = null;
      this.svg.addEventListener("pointermove", (event) => { this.hover = event.offsetX; this.draw(); });
      this.svg.addEventListener("pointerleave", () => { this.hover = null; this.draw(); });
      new ResizeObserver(() => this.draw()).observe(plot);
    }

    /** Takes the newest figures. */
    update(now, sample) {
      this.value.textContent = this.card.show(sample[this.card.figure]);
      this.note.textContent = [this.card.unit, this.card.more(now, sample)].filter(Boolean).join(" · ");
      this.draw();
    }

    draw() {
      const { card } = this, width = this.svg.clientWidth, height = this.svg.clientHeight;
      if (!width || !height) return;
      const left = card.wide ? 58 : 50, right = 8, top = 8, bottom = 20;
      const last = samples.length ? samples[samples.length - 1].at : 0;
      const x = (at) => left + (1 - (last - at) / WINDOW) * (width - left - right);
      const values = samples.flatMap((sample) => card.lines.map(([name]) => sample[name])).filter((value) => value !== null);
      const [y, ticks] = card.logarithmic ? this.powers(values, top, height - bottom) : this.linear(values, top, height - bottom);
      const parts = [];
      for (const tick of ticks) {
        const at = Math.round(y(tick)) + 0.5;
        parts.push(svg("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }));
        const label = svg("text", { class: "axis", x: left - 7, y: at + 3.5, "text-anchor": "end" });
        label.textContent = tick === 0 ? "0" : card.show(tick);
        parts.push(label);
      }
      const times = width < 260 ? [[WINDOW, "2 min", "start"]] : [[WINDOW, "2 min ago", "start"], [WINDOW / 2, "1 min", "middle"]];
      for (const [ago, words, anchor] of [...times, [0, "now", "end"]]) {
        const label = svg("text", { class: "axis", x: x(last - ago), y: height - 4, "text-anchor": anchor });
        label.textContent = words;
        parts.push(label);
      }
      for (const [name, , color, filled, dash] of card.lines) {
        for (const run of runs(name)) {
          const points = run.map((sample) => `${x(sample.at).toFixed(1)} ${y(sample[name]).toFixed(1)}`);
          if (filled) {
            const floor = height - bottom, begin = x(run[0].at).toFixed(1), end = x(run[run.length - 1].at).toFixed(1);
            parts.push(svg("path", { class: `area c-${color}`, d: `M${points.join("L")}L${end} ${floor}L${begin} ${floor}Z` }));
          }
          const d = points.length > 1 ? `M${points.join("L")}` : `M${points[0]}h.01`;
          parts.push(svg("path", { class: `line c-${color}`, d, "stroke-dasharray": dash || "none" }));
        }
      }
      const pointed = this.pointed(x);
      if (pointed) {
        const at = x(pointed.at);
        parts.push(svg("line", { class: "hair", x1: at, x2: at, y1: top, y2: height - bottom }));
        for (const [name, , color] of card.lines) {
          if (pointed[name] !== null) parts.push(svg("circle", { class: `dot c-${color}`, cx: at, cy: y(pointed[name]), r: 4 }));
        }
      }
      this.svg.replaceChildren(...parts);
      this.read(pointed || samples[samples.length - 1]);
    }

    /** Says what the lines are at. */
    read(sample) {
      if (!sample) return;
      const said = this.card.lines.map(([name, words], at) => {
        this.readings[at].textContent = this.card.show(sample[name]);
        return `${words} ${this.card.show(sample[name])}`;
      });
      this.svg.setAttribute("aria-label", `${this.card.title}, last two minutes. Now: ${said.join(", ")}.`);
    }

    linear(values, top, bottom) {
      const [most, steps] = ceiling(Math.max(0, ...values), this.card);
      const ticks = Array.from({ length: steps + 1 }, (_, step) => (most * step) / steps);
      return [(value) => bottom - (value / most) * (bottom - top), ticks];
    }

    powers(values, top, bottom) {
      const some = values.filter((value) => value > 0);
      const low = some.length ? Math.floor(Math.log10(Math.min(...some)) + 1e-9) : -5;
      const high = Math.max(low + 1, some.length ? Math.ceil(Math.log10(Math.max(...some)) - 1e-9) : -2);
      const ticks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
      return [(value) => bottom - ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (bottom - top), ticks];
    }

    pointed(x) {
      if (this.hover === null || !samples.length) return null;
      return samples.reduce((best, sample) => (Math.abs(x(sample.at) - this.hover) < Math.abs(x(best.at) - this.hover) ? sample : best));
    }
  }

  /** Stretches of samples that have a value and follow each other closely. */
  const runs = (name) => {
    const found = [];
    let run = null, before = null;
    for (const sample of samples) {
      const follows = before !== null && sample.at - before < 6;
      before = sample.at;
      if (sample[name] === null) { run = null; continue; }
      if (!run || !follows) found.push((run = []));
      run.push(sample);
    }
    return found;
  };

  // ---- tables ----

  const count = (name) => (now) => plain.format(now[name]);
  const size = (name) => (now) => `${plain.format(now[name])} B`;
  const TABLES = [
    ["Requests", [
      ["all", count("Requests")], ["asked of handlers", count("Handled")], ["answered by them", count("Answered")],
      ["in progress", count("In Progress")], ["refused by the server", count("Refused")], ["broken off", count("Broken Off")],
      ["panics", count("Panics")],
    ]],
    ["Latency since the start", [
      ["measured requests", (now) => plain.format(now.Latency.Count)],
      ["mean", (now) => time(now.Latency.Count ? now.Latency.Sum / now.Latency.Count : null)],
      ...NAMES.map((name) => [name, (now) => time(now.Latency[name])]),
      ["longest", (now) => time(now.Latency.Count ? now.Latency.Max : null)],
    ]],
    ["Connections", [
      ["accepted", count("Accepts")], ["accepted / s", (now) => short(now["Accepts/sec"])], ["open", count("Connections")],
      ["parked", count("Parked")],
      ["held by answers", size("Parked Answer Bytes")], ["held by requests", size("Parked Request Bytes")], ["queued", count("Queue")], ["upgraded", count("Upgraded")],
      ["turned away (503)", count("Turned Away")], ["errors while accepting", count("Socket Errors")],
      ["PROXY headers refused", count("Proxy Refused")], ["TLS handshakes failed", count("Handshakes Failed")],
    ]],
    ["Bytes", [
      ["received", size("Bytes Read")], ["sent", size("Bytes Written")],
      ["content received", size("Content Read")], ["content sent", size("Content Written")],
      ["received as TLS", size("TLS Bytes Read")], ["sent as TLS", size("TLS Bytes Written")],
    ]],
    ["Answers", ["1xx", "2xx", "3xx", "4xx", "5xx"].map((name) => [name, (now) => plain.format(now.Answers[name])])],
    ["Out of time", [
      ["TLS handshake", "handshake"], ["PROXY header", "proxy"], ["request head", "head"], ["request content", "body"],
      ["taking the answer", "write"], ["idle connection", "idle"], ["lingering", "linger"],
    ].map(([words, name]) => [words, (now) => plain.format(now.Timeouts[name])])],
  ];

  const cells = TABLES.flatMap(([caption, rows]) => {
    const section = html("section"), table = html("table"), body = html("tbody");
    table.append(html("caption", "", caption), body);
    section.append(table);
    byId("tables").append(section);
    return rows.map(([words, value]) => {
      const row = html("tr"), head = html("th", "", words), cell = html("td", "", "–");
      head.scope = "row";
      row.append(head, cell);
      body.append(row);
      return (now) => { cell.textContent = value(now); };
    });
  });

  /** A table with a row for each member of an object, hidden if the object has none. */
  const list = (caption, columns, member, texts) => {
    const section = html("section", "all"), table = html("table"), head = html("thead"), body = html("tbody"), row = html("tr");
    for (const words of columns) {
      const cell = html("th", "", words);
      cell.scope = "col";
      row.append(cell);
    }
    head.append(row);
    table.append(html("caption", "", caption), head, body);
    section.append(table);
    section.tabIndex = 0; // it scrolls where it is narrow
    byId("tables").append(section);
    return (now) => {
      const rows = Object.entries(now[member]);
      section.hidden = rows.length === 0;
      body.replaceChildren(...rows.map(([name, values]) => {
        const row = html("tr"), head = html("th", "", name);
        head.scope = "row";
        row.append(head, ...texts(values, name).map((text) => html("td", "", text)));
        return row;
      }));
    };
  };

  const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"];
  const routes = list("Routes", ["route", "requests", ...CLASSES, "mean time"], "Routes", (route) =>
    [plain.format(route.Requests), ...CLASSES.map((name) => plain.format(route.Answers[name])), time(route.Mean)]);
  const workers = list("Worker threads", ["thread", "requests", "received", "sent", "work time", "now"], "Worker Threads", (worker, name) =>
    [plain.format(worker.Requests), bytes(worker["Bytes Read"]), bytes(worker["Bytes Written"]), time(worker["Work Time"]),
      name === "others" ? "" : worker.Busy ? "busy" : "idle"]);

  // ---- what comes, and how ----

  const charts = CARDS.map((card) => new Chart(card));
  let before = null, source = null, polling = null;

  const say = (state, words) => {
    if (byId("state").dataset.state !== state) byId("state").dataset.state = state;
    if (byId("state-word").textContent !== words) byId("state-word").textContent = words;
  };

  const show = (now) => {
    if (before && now["Run time"] > before["Run time"] && now.Accepts >= before.Accepts) {
      const sample = sampled(now, before);
      samples.push(sample);
      while (samples[0].at < sample.at - WINDOW - 2) samples.shift();
      for (const chart of charts) chart.update(now, sample);
      document.documentElement.dataset.samples = Number(document.documentElement.dataset.samples || 0) + 1;
    }
    before = now;
    for (const fill of cells) fill(now);
    routes(now);
    workers(now);
    byId("place").textContent = now["Bind Address"];
    byId("uptime").textContent = long(now["Run time"]);
    say(now.Enabled ? "live" : "paused", now.Enabled ? "live" : "measuring is paused");
    byId("switch").hidden = false;
    byId("switch").textContent = now.Enabled ? "Pause measuring" : "Resume measuring";
    byId("switch").dataset.to = now.Enabled ? "pause" : "resume";
  };

  const ask = async () => {
    try {
      const answer = await fetch("json", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
    } catch {
      say("lost", "no connection");
    }
  };

  const close = () => {
    if (source) source.close();
    source = null;
    clearInterval(polling);
    polling = null;
  };

  const open = () => {
    close();
    source = new EventSource("events");
    source.onmessage = (event) => show(JSON.parse(event.data));
    source.onerror = () => {
      if (source && source.readyState !== EventSource.CLOSED) return say("lost", "no connection");
      // As many look as may: ask from time to time, and for a place now and then.
      close();
      let asked = 0;
      polling = setInterval(() => ((asked += 1) % 15 ? ask() : open()), 2000);
      ask();
    };
  };

  byId("switch").addEventListener("click", async () => {
    const button = byId("switch"), failure = byId("failure");
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.to, { method: "POST" });
      failure.hidden = answer.ok;
      if (!answer.ok) failure.textContent = `The server refuses that: ${answer.status}.`;
      await ask();
    } catch {
      failure.hidden = false;
      failure.textContent = "The server does not answer.";
    }
    button.disabled = false;
  });

  // A page that nobody sees holds no thread.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source && !polling) open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
})();
