// The edited picture. Dragging it triggers "drag" with the place where it began and the way since the last
// event, both in shares of the picture; steps made while an answer is awaited are added up. "Before" shows the
// portrait as it was, until it is pressed again or something is edited.
const image = element.querySelector("img");
const figure = element.querySelector("figure");
const compare = element.querySelector("figcaption button");
let before = null;
let start = null;
let last = null;
let step = [0, 0];
let asked = false;

function place(event) {
  const box = image.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function send() {
  if (asked || !start || (step[0] === 0 && step[1] === 0)) return;
  asked = true;
  const moved = step;
  step = [0, 0];
  trigger("drag", { start: start, step: moved });
  setTimeout(() => { asked = false; }, 1000);
}

function show() {
  const source = props.value && props.value.src;
  figure.classList.toggle("op-empty", !source);
  if (source) image.src = source; else image.removeAttribute("src");
  if (source && props.value.before) before = props.value.before;
  compare.setAttribute("aria-pressed", "false");
  asked = false;
  send();
}

image.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  image.setPointerCapture(event.pointerId);
  start = last = place(event);
  event.preventDefault();
});
image.addEventListener("pointermove", (event) => {
  if (!last) return;
  const now = place(event);
  step = [step[0] + now[0] - last[0], step[1] + now[1] - last[1]];
  last = now;
  send();
});
for (const end of ["pointerup", "pointercancel"]) {
  image.addEventListener(end, () => { last = null; });
}
compare.addEventListener("click", () => {
  const source = props.value && props.value.src;
  const pressed = compare.getAttribute("aria-pressed") !== "true";
  if (!source || !before) return;
  compare.setAttribute("aria-pressed", String(pressed));
  image.src = pressed ? before : source;
});
watch("value", show);
show();
