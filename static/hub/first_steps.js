// The first steps: the simulator's phone opens in a small window of its own, at the right of this one. Without room it is a tab.

const WIDTH = 420;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-beside]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || screen.availWidth < 2 * WIDTH) return;
  const height = Math.min(900, screen.availHeight);
  const left = Math.max(0, Math.min(screenX + outerWidth, screen.availWidth) - WIDTH);
  const phone = window.open(link.href, link.target, `popup,width=${WIDTH},height=${height},left=${left},top=${Math.max(0, screenY)}`);
  if (!phone) return; // which the browser has refused; the link opens a tab
  event.preventDefault();
  phone.focus();
});
