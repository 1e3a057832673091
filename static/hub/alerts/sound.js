import { unreadBox } from "./unread.js";

const VOLUME = 0.5;

export function playSound() {
  const sound = new Audio(unreadBox.dataset.soundFile);
  sound.volume = VOLUME;
  sound.play().catch(() => {}); // browsers refuse sounds until the user has clicked on the page
}
