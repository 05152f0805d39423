// Camera frames to the app and animated frames back. At most two are on their way: what the camera shows
// meanwhile is dropped, never queued.
const video = element.querySelector("video");
const canvas = element.querySelector("canvas");
const note = element.querySelector(".op-live-note");
const CAMERA_HEIGHT = 360;
const ON_THEIR_WAY = 2;
const SLOW_MS = 500; // From here on a frame on its way would only make the next one wait.
const REMEDIES = {
  NotAllowedError: "The camera is blocked for this page. Allow it beside the address of the page, then press Start.",
  NotFoundError: "There is no camera. Plug one in, then press Start.",
  NotReadableError: "Another program uses the camera. Close it, then press Start.",
};
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
  tell(seen ? `${pace}${delay.toFixed(0)} ms behind the camera${remedy}` : "No face is to be seen.");
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

async function start({ address, engine }) {
  stop("Asking for the camera …");
  const current = { address, engine, shown: 0, count: 0, slow: false, times: [], delays: [] };
  run = current;
  try {
    if (!navigator.mediaDevices) throw new Error("a camera needs https, or an app on this machine");
    const wanted = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } } };
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    if (run !== current) { stream.getTracks().forEach((track) => track.stop()); return; }
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stop(REMEDIES[error.name] || `There is no camera: ${error.message}`);
    document.getElementById("live-stop")?.click();
    return;
  }
  element.classList.add("op-running");
  pump(current);
}

function stop(text) {
  run = null;
  element.classList.remove("op-running");
  if (video.srcObject) video.srcObject.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  tell(text);
}

watch("value", () => {
  const root = (window.gradio_config && window.gradio_config.root) || "";
  const { address, engine } = props.value || {};
  if (address) start({ address: root + address, engine }); else if (run) stop("Stopped.");
});

// The camera does not go on where nobody sees it: in another tab of the page.
new ResizeObserver(() => {
  if (run && !element.offsetParent) document.getElementById("live-stop")?.click();
}).observe(element);
