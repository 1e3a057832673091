// Makes each path of the webhook's a whole address with a button to copy it.
document.querySelectorAll(".hub-address").forEach((path) => {
  path.textContent = location.origin + path.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = path.dataset.copy;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(path);
    try {
      await navigator.clipboard.writeText(path.textContent);
    } catch {
      document.execCommand("copy"); // outside https there is no clipboard
    }
    button.textContent = "✓";
    setTimeout(() => {
      button.textContent = path.dataset.copy;
    }, 1500);
  });
  path.after(button);
});
