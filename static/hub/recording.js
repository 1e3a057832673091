// Voice messages: recorded here, converted by the server.

import { setVoice } from "./attachments.js";
import { one } from "./dom.js";
import { composer, form, isOpen, refuse, words } from "./drafts.js";

const RECORDED = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
let recording = null;

export const canRecord = () => Boolean(window.MediaRecorder && navigator.mediaDevices?.getUserMedia);

export async function record() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    refuse(words("noMicrophone"));
    return;
  }
  const mimeType = RECORDED.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
  const parts = [];
  const key = words("key");
  recording = { recorder, began: Date.now(), kept: true, timer: setInterval(drawRecording, 250) };
  const mine = recording;
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", () => {
    stream.getTracks().forEach((track) => track.stop());
    clearInterval(mine.timer);
    recording = null;
    drawRecording();
    if (!mine.kept || !isOpen(key)) return;
    const type = recorder.mimeType || mimeType || "audio/webm";
    setVoice(new File(parts, `voice.${type.split(/[/;]/)[1]}`, { type }), key);
    if (form()) one("[data-send]", form()).focus();
  });
  recorder.start();
  refuse("");
  drawRecording();
  one("[data-record-stop]").focus();
}

export function stopRecording() {
  recording?.recorder.stop();
}

export function discardRecording() {
  if (!recording) return;
  recording.kept = false;
  recording.recorder.stop();
}

function drawRecording() {
  const box = composer() && one("[data-recording]");
  if (!box) return;
  box.hidden = !recording;
  form().toggleAttribute("data-is-recording", Boolean(recording));
  const seconds = recording ? Math.floor((Date.now() - recording.began) / 1000) : 0;
  one("[data-recording-time]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
addEventListener("pagehide", discardRecording);
