// Names what Gradio leaves without a name of its own: each area for files says what it takes.
() => {
  const AREA = 'button[aria-label="Click to upload or drop files"]';
  function name() {
    for (const area of document.querySelectorAll(AREA)) {
      const label = area.closest(".block")?.querySelector('[data-testid="block-label"]')?.innerText.trim();
      if (label) area.setAttribute("aria-label", `${label}: click to upload or drop a file`);
    }
  }
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
}
