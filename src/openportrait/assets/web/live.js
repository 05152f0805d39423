// Camera frames, or pieces of sound, to the app and animated frames back. At most two frames are on their way: what
// the camera shows meanwhile is dropped, never queued. Sound comes in order, so one piece at a time is on its way, and
// what is heard meanwhile goes with the next one.
const video = element.querySelector("video");
const canvas = element.querySelector("canvas");
const note = element.querySelector(".op-live-note");
const CAMERA_HEIGHT = 360;
const ON_THEIR_WAY = 2;
const SLOW_MS = 500; // From here on a frame on its way would only make the next one wait.
const PIECE_SECONDS = 0.04; // As often as a portrait that speaks a file moves: 25 times a second.
const LONGEST_PIECE_SECONDS = 1;
const REMEDIES = {
  NotAllowedError: (what) => `The ${what} is blocked for this page. Allow it beside the address of the page, then press Start.`,
  NotFoundError: (what) => `There is no ${what}. Plug one in, then press Start.`,
  NotReadableError: (what) => `Another program uses the ${what}. Close it, then press Start.`,
};
// Runs where sound is handled: passes its first channel on.
const TAKER = `registerProcessor("taker", class extends AudioWorkletProcessor {
  process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true; }
});`;
let run = null;

function tell(text) { note.textContent = text; }

function nextFrame() {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, 200);
    const done = () => { clearTimeout(late); resolve(); };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(done); else requestAnimationFrame(done);
  });
}

async function show(current, answer, number, sent) {
  if (answer.status === 404) { stop("Stopped."); return; }
  if (answer.status === 204) return;
  if (!answer.ok) { tell(await answer.text()); return; }
  const seen = answer.headers.get("X-Face") === "1";
  const picture = await createImageBitmap(await answer.blob());
  if (run !== current || number < current.shown) return;
  current.shown = number;
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.hidden = false;
  const now = performance.now();
  current.times.push(now);
  current.delays.push(now - sent);
  while (current.times.length > 2 && current.times[0] < now - 2000) { current.times.shift(); current.delays.shift(); }
  const rate = (current.times.length - 1) / Math.max((now - current.times[0]) / 1000, 0.001);
  const delay = current.delays.reduce((a, b) => a + b, 0) / current.delays.length;
  current.slow = delay > SLOW_MS;
  element.dataset.frames = String(++current.count);
  element.dataset.rate = rate.toFixed(1);
  element.dataset.delay = delay.toFixed(0);
  const pace = current.times.length > 1 ? `${rate.toFixed(current.slow ? 1 : 0)} frames/s, ` : "";
  const remedy = current.slow && current.engine !== "mesh" ? "; the mesh engine, under Options, keeps up" : "";
  tell(seen ? `${pace}${delay.toFixed(0)} ms behind the ${current.what}${remedy}` : "No face is to be seen.");
}

async function pump(current) {
  const small = document.createElement("canvas");
  let number = 0;
  let under = 0;
  while (run === current) {
    await nextFrame();
    if (run !== current || under >= (current.slow ? 1 : ON_THEIR_WAY) || !video.videoWidth) continue;
    const sent = performance.now();
    const factor = Math.min(CAMERA_HEIGHT / video.videoHeight, 1);
    small.width = Math.round(video.videoWidth * factor);
    small.height = Math.round(video.videoHeight * factor);
    small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
    const mine = ++number;
    under += 1;
    new Promise((resolve) => small.toBlob(resolve, "image/jpeg", 0.85))
      .then((frame) => fetch(current.address, { method: "POST", body: frame }))
      .then((answer) => show(current, answer, mine, sent))
      .catch(() => { if (run === current) tell("The app does not answer."); })
      .finally(() => { under -= 1; });
  }
}

// Samples of 16 bits from pieces in −1..1.
function joined(pieces) {
  const whole = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) for (const value of piece) whole[place++] = Math.max(-1, Math.min(1, value)) * 32767;
  return whole;
}

async function listen(current) {
  const sound = new AudioContext();
  current.sound = sound;
  const script = URL.createObjectURL(new Blob([TAKER], { type: "text/javascript" }));
  await sound.audioWorklet.addModule(script);
  URL.revokeObjectURL(script);
  const rate = sound.sampleRate;
  const taker = new AudioWorkletNode(sound, "taker", { numberOfOutputs: 0 });
  let pieces = [], count = 0, number = 0, underway = false;
  taker.port.onmessage = async ({ data }) => {
    pieces.push(data);
    count += data.length;
    while (count > LONGEST_PIECE_SECONDS * rate) count -= pieces.shift().length;
    if (underway || run !== current || count < PIECE_SECONDS * rate) return;
    const body = joined(pieces);
    // What a picture shows was said before its newest sound came in: so far the network looks ahead.
    const said = performance.now() - 1000 * current.ahead;
    pieces = [];
    count = 0;
    underway = true;
    try {
      const headers = { "Content-Type": `audio/l16;rate=${rate}` };
      await show(current, await fetch(current.address, { method: "POST", body, headers }), ++number, said);
    } catch { if (run === current) tell("The app does not answer."); }
    underway = false;
  };
  sound.createMediaStreamSource(current.stream).connect(taker);
  await sound.resume();
}

async function watchCamera(current) {
  video.srcObject = current.stream;
  await video.play();
  pump(current);
}

async function start({ address, engine, speaks, ahead }) {
  const what = speaks ? "microphone" : "camera";
  stop(`Asking for the ${what} …`);
  const current = { address, engine, what, ahead, shown: 0, count: 0, slow: false, times: [], delays: [] };
  run = current;
  const seen = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } } };
  try {
    if (!navigator.mediaDevices) throw new Error(`a ${what} needs https, or an app on this machine`);
    current.stream = await navigator.mediaDevices.getUserMedia(speaks ? { audio: true } : seen);
    if (run !== current) { end(current); return; }
    await (speaks ? listen : watchCamera)(current);
  } catch (error) {
    if (run !== current) return;
    stop(REMEDIES[error.name]?.(what) || `There is no ${what}: ${error.message}`);
    document.getElementById("live-stop")?.click();
    return;
  }
  element.classList.add("op-running");
  element.classList.toggle("op-listening", speaks);
}

function end(current) {
  current?.stream?.getTracks().forEach((track) => track.stop());
  current?.sound?.close();
}

function stop(text) {
  end(run);
  run = null;
  element.classList.remove("op-running");
  video.srcObject = null;
  tell(text);
}

watch("value", () => {
  const root = (window.gradio_config && window.gradio_config.root) || "";
  const { address } = props.value || {};
  if (address) start({ ...props.value, address: root + address }); else if (run) stop("Stopped.");
});

// Camera and microphone do not go on where nobody sees it: in another tab of the page.
new ResizeObserver(() => {
  if (run && !element.offsetParent) document.getElementById("live-stop")?.click();
}).observe(element);
