// Scales of the diagram.

const SCALES = [0.1, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 1, 1.25, 1.5, 2];
const MIN_FIT = 0.05;

// Returns the next larger (1) or smaller (-1) scale.
export function nextScale(scale, direction) {
  const others =
    direction > 0 ? SCALES.filter((each) => each > scale + 0.01) : SCALES.filter((each) => each < scale - 0.01);
  return (direction > 0 ? others[0] : others.at(-1)) ?? scale;
}

// Returns the scale at which the whole picture is in the box, but not less than `minimum`.
export function fitScale(picture, box, minimum = 0) {
  const scale = Math.min(box.width / picture.width, box.height / picture.height, 1);
  return Math.max(minimum, MIN_FIT, Math.floor(scale * 100) / 100);
}
