// Images that are larger than WhatsApp accepts are reduced here, as a phone would do it.

const SIDES = [4096, 3072, 2560, 2048, 1600, 1280]; // pixels of the longer side; the first that makes the file small enough is used
const QUALITY = 0.87;

export const canReduce = (file) => ["image/jpeg", "image/png"].includes(file.type);

// Returns a JPEG of at most `maxBytes`, upright by the camera's orientation and without other data of the camera, such as the location.
// Rejects if the browser cannot read the image.
export async function reduceImage(file, maxBytes) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    for (const side of SIDES) {
      const blob = await drawJpeg(image, Math.min(1, side / Math.max(image.width, image.height)));
      const name = file.name.replace(/\.[^.]*$|$/, ".jpg");
      if (blob && blob.size <= maxBytes) return new File([blob], name, { type: blob.type });
    }
  } finally {
    image.close();
  }
  throw new Error("no size is small enough");
}

function drawJpeg(image, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // behind transparent parts of a PNG
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/jpeg", QUALITY);
  });
}
