// What belongs to no single part of the page: the memory of what it shows, names and keys that Gradio leaves out,
// messages that stay, and the question before a running job is left.
() => {
  const STORE = "openportrait";
  const REST_MS = 400, TAB_TURNS = 10; // A tab that was opened has its controls once nothing is added for so long.
  const read = () => { try { return JSON.parse(sessionStorage.getItem(STORE)) || {}; } catch { return {}; } };
  const write = (change) => {
    try { sessionStorage.setItem(STORE, JSON.stringify({ ...read(), ...change })); } catch { /* A browser may keep none. */ }
  };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  // As in the style sheet: from here on the parts of a tab lie below each other.
  const PHONE_WIDTH = 760;
  const RESULT_MS = 5000, LOOK_MS = 50;
  let isReady = false, looksOn = false;

  function isInView(part) {
    const box = part.getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= window.innerHeight;
  }

  // A file is kept as its place, which the app gives back to the page that had it alone.
  function plain(value) {
    const file = value?.path ? value : value?.video;
    return file?.path ? { file: file.path } : value;
  }

  window.openportrait = {
    stored: read,
    settings: () => read().settings || {},
    keep(names, values) {
      if (!isReady) return;
      write({ settings: Object.fromEntries(names.map((name, place) => [name, plain(values[place])])) });
    },
    async ready(key) {
      const { tab } = read();
      write({ key });
      isReady = true;
      const last = tab && tabs().find((each) => each.innerText === tab);
      if (!last || last.getAttribute("aria-selected") === "true") return;
      last.click();
      // A control that gets its value while it is made sets off its event twice: the new ones are awaited.
      const made = () => document.getElementsByTagName("*").length;
      for (let turn = 0, before = -1; turn < TAB_TURNS && before !== made(); turn++) {
        before = made();
        await pause(REST_MS);
      }
    },
    // The second at which a player stands.
    stands: (id) => Math.round((document.querySelector(`#${id} :is(video, audio)`)?.currentTime || 0) * 1000) / 1000,
    // What the named controls get: of a file its place and its address.
    restore(names, found) {
      const root = window.gradio_config?.root || "";
      const updates = names.map((name) => {
        if (!(name in (found || {}))) return { __type__: "update" };
        const value = found[name];
        const path = value?.file;
        if (!path) return { __type__: "update", value };
        const file = { path, url: `${root}/gradio_api/file=${path}`, orig_name: path.split("/").pop(), meta: { _type: "gradio.FileData" } };
        return { __type__: "update", value: file };
      });
      return updates;
    },
    // A job's buttons and status: on a phone they lie far below what asked for the job. Gives what the controls show.
    showJob(tab) {
      const block = window.innerWidth <= PHONE_WIDTH ? "start" : "nearest";
      document.getElementById(`${tab}-job`).scrollIntoView({ block, behavior: "smooth" });
      looksOn = true;
      return [window.openportrait.settings()];
    },
    // The whole picture or video of a job that has ended, once it has its size.
    async showResult(tab) {
      const status = document.getElementById(`${tab}-status`);
      for (let waited = 0; waited < RESULT_MS; waited += LOOK_MS) {
        await pause(LOOK_MS);
        const result = [...document.querySelectorAll(`#${tab}-result-video video, #${tab}-result-image img`)]
          .find((each) => each.offsetParent && (each.videoWidth || each.naturalWidth));
        if (!result) continue;
        if (looksOn || isInView(status)) result.scrollIntoView({ block: "nearest", behavior: "smooth" });
        return;
      }
    },
  };

  // Who has done something else since a job was asked for is left where he is, unless he still sees its status.
  for (const kind of ["wheel", "pointerdown", "keydown"]) {
    document.addEventListener(kind, () => { looksOn = false; }, { capture: true, passive: true });
  }

  // Soon after something was done to a control, Gradio is asked for the values of all.
  let soon = null;
  for (const kind of ["input", "change", "click", "keyup"]) {
    document.addEventListener(kind, (event) => {
      if (!isReady || event.target.id === "op-keep") return;
      clearTimeout(soon);
      soon = setTimeout(() => document.getElementById("op-keep")?.click(), 300);
    }, true);
  }

  // Where the driving's player stands is the moment of which one frame is shown.
  function follow(player) {
    const second = document.querySelector("#animate-second input");
    if (!second) return;
    second.value = player.currentTime.toFixed(2);
    second.dispatchEvent(new Event("input", { bubbles: true }));
  }
  // Media events do not bubble, but are seen on their way down.
  for (const kind of ["pause", "seeked"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest?.("#animate-driving-player")) follow(event.target);
    }, true);
  }
  document.addEventListener("error", (event) => {
    const player = event.target.closest?.(".op-player :is(video, audio)");
    if (!player) return;
    const note = document.createElement("p");
    note.textContent = "This browser cannot play it; a part of it is chosen by seconds.";
    player.replaceWith(note);
  }, true);

  // The page's own tabs; others lie in them.
  const tabs = () => [...document.querySelectorAll('[role="tab"]')].filter((each) => !each.closest('[role="tabpanel"]'));
  const shownPanel = () => [...document.querySelectorAll('[role="tabpanel"]')].find(
    (each) => each.offsetParent && !each.parentElement.closest('[role="tabpanel"]'),
  );
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    if (tab && tabs().includes(tab)) write({ tab: tab.innerText });
  });

  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector('[id$="-cancel"]:not([disabled])')) event.preventDefault();
  });

  const AREA = 'button[aria-label="Click to upload or drop files"]';
  function name() {
    for (const area of document.querySelectorAll(AREA)) {
      const label = area.closest(".block")?.querySelector('[data-testid="block-label"]')?.innerText.trim();
      if (label) area.setAttribute("aria-label", `${label}: click to upload or drop a file`);
    }
  }

  // What a message says stays where results are shown, or on top of the tab, until something new is tried.
  let told = "";
  function keepMessages() {
    const message = document.querySelector(".toast-body.error");
    const text = message?.querySelector('[data-testid="toast-text"]')?.innerText.trim() || "";
    if (text === told) return;
    told = text;
    if (!text) return;
    const panel = shownPanel();
    const place = [...(panel?.querySelectorAll(".op-job, .op-sticky") || [])].find((each) => each.offsetParent) || panel;
    forget();
    const card = document.createElement("div");
    card.className = "op-status op-trouble";
    card.innerHTML = "<b>That did not work</b><span></span>";
    card.querySelector("span").textContent = text;
    place?.prepend(card);
  }
  const forget = () => document.querySelectorAll(".op-trouble").forEach((each) => each.remove());
  for (const kind of ["change", "drop"]) document.addEventListener(kind, forget, true);
  document.addEventListener("click", (event) => { if (event.target.closest?.('[id$="-start"]')) forget(); }, true);

  // The description of the API lies over the page: keys go to it while it is open, then back to where they were.
  let dialog = null, opener = null;
  function followDialog() {
    const found = document.querySelector('.api-docs[role="dialog"]');
    if (found === dialog) return;
    if (!found) opener?.focus();
    else if (!dialog) opener = document.activeElement;
    const close = found?.querySelector(".banner-wrap > button");
    close?.setAttribute("aria-label", "Close");
    close?.focus();
    dialog = close ? found : null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      (document.querySelector(".toast-close") || dialog?.querySelector('[aria-label="Close"]'))?.click();
      return;
    }
    const tab = event.target.closest?.('[role="tab"]');
    const all = [...(tab?.closest('[role="tablist"]')?.querySelectorAll('[role="tab"]:not([disabled])') || [])];
    const place = { ArrowRight: all.indexOf(tab) + 1, ArrowLeft: all.indexOf(tab) - 1, Home: 0, End: -1 }[event.key];
    const next = place === undefined ? null : all.at(place % all.length);
    if (!next) return;
    event.preventDefault();
    next.click();
    next.focus();
  });

  new MutationObserver(() => { name(); keepMessages(); followDialog(); }).observe(document.body, { childList: true, subtree: true });
  name();
}
