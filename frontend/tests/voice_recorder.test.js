import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const NodeEvent = Event; // openPage replaces it

// The browser's side: a microphone that may refuse, and a recorder that records when the test says so.
const tracks = [
  {
    isStopped: false,
    stop() {
      this.isStopped = true;
    },
  },
];
const microphone = { isRefused: false };
const mediaDevices = {
  async getUserMedia() {
    if (microphone.isRefused) throw new Error("NotAllowedError");
    return { getTracks: () => tracks };
  },
};
class Recorder extends EventTarget {
  static isTypeSupported = (type) => type.startsWith("audio/webm");
  constructor(_stream, { mimeType }) {
    super();
    this.mimeType = mimeType;
    this.state = "inactive";
  }
  start() {
    this.state = "recording";
  }
  stop() {
    this.state = "inactive";
    this.dispatchEvent(Object.assign(new NodeEvent("dataavailable"), { data: "sound" }));
    this.dispatchEvent(new NodeEvent("stop"));
  }
}

const HTML = `<body><div id="composer" data-key="draft:1:1:1" data-limits="{}" data-no-microphone="No microphone">
  <form data-answer>
    <button data-send></button><textarea data-text></textarea><p id="composer-error"></p>
    <div data-recording hidden><span data-recording-time></span><button type="button" data-record-stop></button></div>
    <ul data-files hidden></ul><input type="file" data-choose-files>
    <template data-voice-row>
      <li><audio data-listen></audio><progress data-file-progress></progress><button data-remove-file></button></li>
    </template>
  </form>
</div></body>`;
openPage(HTML, { MediaRecorder: Recorder, navigator: { mediaDevices } });
URL.createObjectURL = () => "blob:1";
URL.revokeObjectURL = () => {};
const { canRecord, discardRecording, startRecording, stopRecording } = await import(
  "../../static/hub/attachments/voice_recorder.js"
);
const { getDraft } = await import("../../static/hub/composer/drafts.js");

const one = (selector) => document.querySelector(selector);
const isShown = () => !one("[data-recording]").hidden && one("form").hasAttribute("data-is-recording");

beforeEach(() => {
  discardRecording();
  microphone.isRefused = false;
  tracks[0].isStopped = false;
  one("#composer").dataset.key = "draft:1:1:1";
  getDraft("draft:1:1:1").files = [];
});

test("a recording becomes the only file of the draft", async () => {
  assert.equal(canRecord(), true);
  getDraft().files = [{ id: "photo", file: new File(["x"], "a.jpg") }];
  await startRecording();
  assert.equal(isShown(), true);
  assert.equal(one("[data-recording-time]").textContent, "0:00");

  stopRecording();
  const [{ file, isVoice }, ...others] = getDraft().files;
  assert.deepEqual([file.name, file.type, isVoice, others.length], ["voice.webm", "audio/webm;codecs=opus", true, 0]);
  assert.equal(isShown(), false);
  assert.equal(document.activeElement, one("[data-send]"));
  assert.equal(tracks[0].isStopped, true, "the microphone is released");
});

test("a discarded recording leaves no file and releases the microphone", async () => {
  await startRecording();
  discardRecording();
  assert.deepEqual(getDraft().files, []);
  assert.equal(isShown(), false);
  assert.equal(tracks[0].isStopped, true);
});

test("a recording never goes into another conversation", async () => {
  await startRecording();
  one("#composer").dataset.key = "draft:1:1:2";
  stopRecording();
  assert.deepEqual([getDraft("draft:1:1:1").files, getDraft("draft:1:1:2").files], [[], []]);
});

test("without permission there is an error and no recording", async () => {
  microphone.isRefused = true;
  await startRecording();
  assert.equal(one("#composer-error").textContent, "No microphone");
  assert.equal(isShown(), false);
  stopRecording(); // does nothing
  assert.deepEqual(getDraft().files, []);
});
