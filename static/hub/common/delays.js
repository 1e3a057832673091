export const wait = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

// A random factor for delays, so that all pages do not make their requests at the same time.
export const jitter = () => 0.75 + Math.random() / 2;
