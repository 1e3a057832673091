// Photos that are larger than WhatsApp takes are made smaller here, as they would be on a phone.

const SIDES = [4096, 3072, 2560, 2048, 1600, 1280]; // pixels of the longer side, from the first that makes the file small enough
const QUALITY = 0.87;

export const mayBeMadeSmaller = (file) => ["image/jpeg", "image/png"].includes(file.type);

// A JPEG of at most `most` bytes, upright as the camera's orientation says and without what else the camera noted, such as the place.
// Rejects if the browser cannot read the picture.
export async function madeSmaller(file, most) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    for (const side of SIDES) {
      const smaller = await drawn(picture, Math.min(1, side / Math.max(picture.width, picture.height)));
      if (smaller && smaller.size <= most) return new File([smaller], file.name.replace(/\.[^.]*$|$/, ".jpg"), { type: smaller.type });
    }
  } finally {
    picture.close();
  }
  throw new Error("no size is small enough");
}

function drawn(picture, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // where a PNG lets through what is behind
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
}
