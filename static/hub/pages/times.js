// Times: how long ago something was, and how long a service window stays open. The templates write the same words.

import { all, body, one } from "../common/dom.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// `passed`: milliseconds. Returns null from a week on: the date that the server wrote stays.
export function elapsedText(passed, { now, ago }) {
  if (passed < MINUTE) return now;
  if (passed < HOUR) return ago.replace("{time}", `${Math.floor(passed / MINUTE)} min`);
  if (passed < DAY) return ago.replace("{time}", `${Math.floor(passed / HOUR)} h`);
  if (passed < 7 * DAY) return ago.replace("{time}", `${Math.floor(passed / DAY)} d`);
  return null;
}

export function windowState(left) {
  if (left <= 0) return "closed";
  return left <= 3 * HOUR ? "closing" : "open";
}

export function remainingText(left, closedText = "") {
  if (left <= 0) return closedText;
  const minutes = Math.floor(left / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function updateTimes() {
  const now = Date.now();
  for (const time of all("time[data-ago]")) {
    const text = elapsedText(now - Date.parse(time.dateTime), body.dataset);
    if (text !== null) time.textContent = text;
  }
  for (const element of all("[data-until]")) {
    const left = Number(element.dataset.until) - now;
    element.dataset.state = windowState(left);
    const words = one("[data-left]", element);
    if (words) words.textContent = remainingText(left, element.dataset.closed);
  }
  body.dispatchEvent(new Event("hub:times"));
}

setInterval(updateTimes, 15_000);
body.addEventListener("htmx:afterSwap", updateTimes);
updateTimes();
