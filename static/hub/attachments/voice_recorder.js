// Voice messages: recorded here, converted by the server.

import { one } from "../common/dom.js";
import { answerForm, composer, composerData, isConversationOpen, showError } from "../composer/elements.js";
import { setVoiceMessage } from "./attachments.js";

const FORMATS = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
let recording = null; // one at a time: { recorder, startedAt, isKept, timer }

export const canRecord = () => Boolean(window.MediaRecorder && navigator.mediaDevices?.getUserMedia);

export async function startRecording() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    showError(composerData("noMicrophone"));
    return;
  }
  const mimeType = FORMATS.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
  const parts = [];
  const key = composerData("key");
  const current = { recorder, startedAt: Date.now(), isKept: true, timer: setInterval(drawRecording, 250) };
  recording = current;
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", () => {
    for (const track of stream.getTracks()) track.stop();
    clearInterval(current.timer);
    recording = null;
    drawRecording();
    if (!current.isKept || !isConversationOpen(key)) return;
    const type = recorder.mimeType || mimeType || "audio/webm";
    setVoiceMessage(new File(parts, `voice.${type.split(/[/;]/)[1]}`, { type }), key);
    if (answerForm()) one("[data-send]", answerForm()).focus();
  });
  recorder.start();
  showError("");
  drawRecording();
  one("[data-record-stop]").focus();
}

export function stopRecording() {
  recording?.recorder.stop();
}

export function discardRecording() {
  if (!recording) return;
  recording.isKept = false;
  recording.recorder.stop();
}

function drawRecording() {
  const box = composer() && one("[data-recording]");
  if (!box) return;
  box.hidden = !recording;
  answerForm().toggleAttribute("data-is-recording", Boolean(recording));
  const seconds = recording ? Math.floor((Date.now() - recording.startedAt) / 1000) : 0;
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  one("[data-recording-time]").textContent = time;
}

addEventListener("pagehide", discardRecording);
