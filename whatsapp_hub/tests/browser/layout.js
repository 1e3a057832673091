// Returns what is wrong with the layout of the page, in both themes or in those that are given, as sentences. test_layout.py runs it on
// every page, in each language and width.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const isVisible = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().width > 2;
  const isForScreenReaders = (element) => Boolean(element.closest(".sr-only, .skip-link"));
  // Resolves when the next frame has been drawn.
  const frame = () =>
    new Promise((resolve) => {
      requestAnimationFrame(() => setTimeout(resolve));
    });
  const REQUESTS = ".htmx-request, .htmx-swapping, .htmx-settling";
  const MAX_WAIT = 2000; // milliseconds
  const THEMES = ["light", "dark"];
  const MAY_SCROLL_SIDEWAYS = "pre, .composer-files, [role=region]"; // a scroll bar is expected there
  const CONTROLS = "a[href], button, input, select, textarea, summary";
  const PHONE = /^\+\d[\d\s()-]{7,}$/;

  function nameOf(element) {
    const words = (element.getAttribute("aria-label") ?? element.innerText ?? "")
      .trim()
      .replace(/\s+/g, " ")
      .slice(0, 40);
    const id = element.id ? `#${element.id}` : "";
    return `<${element.localName}${id} class="${String(element.className.baseVal ?? element.className).slice(0, 60)}"> “${words}”`;
  }

  function ofTheDocument() {
    const page = document.documentElement;
    const wrong = [];
    if (page.scrollWidth > innerWidth) wrong.push(`the document is ${page.scrollWidth} wide`);
    if (document.body.dataset.stream && page.scrollHeight > innerHeight)
      wrong.push(`the document is ${page.scrollHeight} high`);
    return wrong;
  }

  const TYPED = "input:not([type=checkbox], [type=radio], [type=number], [type=file]), textarea, select";

  // Returns whether the content extends beyond the right edge.
  function sticksOut(element, style) {
    if (style.overflowX !== "visible" || style.display.startsWith("inline") || element.clientWidth === 0) return false;
    if (element.scrollWidth <= element.clientWidth + 1 || mayScroll(element)) return false;
    const edge = element.getBoundingClientRect().right + 1;
    return [...element.children].some((child) => {
      const { position, marginRight } = getComputedStyle(child);
      const isInFlow = position !== "absolute" && position !== "fixed" && parseFloat(marginRight) >= 0;
      return isInFlow && child.getBoundingClientRect().right > edge;
    });
  }

  // Returns whether a part of the text is invisible, without three dots that show it.
  function isCut(element, style) {
    if (!["hidden", "clip"].includes(style.overflowX) || element.scrollWidth <= element.clientWidth + 1) return false;
    return element.innerText?.trim() && style.textOverflow !== "ellipsis" && style.webkitLineClamp === "none";
  }

  function ofBoxes(root) {
    const wrong = [];
    for (const element of all("*", root)) {
      if (element.closest("svg") || !isVisible(element) || isForScreenReaders(element)) continue;
      const style = getComputedStyle(element);
      const tooWide = element.scrollWidth - element.clientWidth;
      const tooHigh = element.scrollHeight - element.clientHeight;
      const hasBar = style.scrollbarWidth !== "none" && !element.matches("textarea, input, select");
      if (
        ["auto", "scroll"].includes(style.overflowX) &&
        tooWide > 1 &&
        hasBar &&
        !element.matches(MAY_SCROLL_SIDEWAYS)
      ) {
        wrong.push(`${nameOf(element)} has a bar to scroll sideways`);
      }
      if (["auto", "scroll"].includes(style.overflowY) && tooHigh > 0 && tooHigh < 4 && hasBar) {
        wrong.push(`${nameOf(element)} scrolls by ${tooHigh} pixels`);
      }
      if (sticksOut(element, style)) wrong.push(`${nameOf(element)} is too narrow for what is in it`);
      if (element.matches(".btn, .badge, .label-tag") && tooHigh > 2)
        wrong.push(`${nameOf(element)} is too low for its words`);
      if (element.matches(TYPED) && element.clientWidth < 64)
        wrong.push(`${nameOf(element)} is only ${element.clientWidth} wide`);
      if (isCut(element, style)) wrong.push(`${nameOf(element)} cuts its text`);
      if (style.textOverflow === "ellipsis" && tooWide > 0 && PHONE.test(element.innerText?.trim())) {
        wrong.push(`${nameOf(element)} cuts a phone number`);
      }
    }
    return wrong;
  }

  // Returns whether the element is in a box that scrolls sideways.
  function mayScroll(element) {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth)
        return true;
    }
    return false;
  }

  function ofControls(root) {
    const wrong = [];
    for (const control of all(CONTROLS, root)) {
      if (!isVisible(control) || isForScreenReaders(control) || control.disabled || control.ariaHidden) continue;
      const style = getComputedStyle(control);
      if (style.pointerEvents === "none" || (style.position === "fixed" && style.inset === "0px")) continue;
      control.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
      const box = control.getBoundingClientRect();
      if ((box.left < -1 || box.right > innerWidth + 1) && !mayScroll(control)) {
        wrong.push(`${nameOf(control)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)}`);
        continue;
      }
      const line = [...control.getClientRects()].find((each) => each.width > 2) ?? box; // a link may be broken into lines
      const top = document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2);
      if (!top || top.closest("#toasts")) {
        if (!top) wrong.push(`${nameOf(control)} is out of sight at ${Math.round(line.left)}, ${Math.round(line.top)}`);
      } else if (!control.contains(top) && !top.contains(control) && !top.closest("label")?.contains(control)) {
        wrong.push(`${nameOf(control)} is behind ${nameOf(top)}`);
      }
    }
    return wrong;
  }

  // ---- Everything that opens

  const OPENERS = [
    "[popovertarget]",
    "[data-open-dialog]",
    "[data-toggle-pane]",
    "[data-react]",
    "[role=tab]",
    "[data-open-canned]",
    "summary",
  ];

  // Returns the first, one in the middle and the last, as a page may have many alike.
  function openersOf(selector) {
    const found = all(selector).filter(
      (each) => isVisible(each) && !each.disabled && !each.closest("[popover], dialog, details details"),
    );
    return [...new Set([found[0], found[Math.floor(found.length / 2)], found.at(-1)])].filter(Boolean);
  }

  function opened(opener) {
    if (opener.localName === "summary") return opener.parentElement;
    if (opener.matches("[role=tab]")) return document.getElementById(opener.getAttribute("aria-controls"));
    if (opener.matches("[data-open-canned]")) return document.querySelector("#canned-list");
    return document.querySelector("dialog[open], :popover-open, [data-pane-open] #contact-pane");
  }

  // Animations that never end stay.
  function finishAnimations() {
    for (const each of document.getAnimations()) {
      if (each.effect.getComputedTiming().endTime < MAX_WAIT) each.finish();
    }
  }

  async function settle() {
    const start = performance.now();
    await frame();
    await frame();
    while (document.querySelector(REQUESTS) && performance.now() - start < MAX_WAIT) await frame();
    finishAnimations();
  }

  // Without waiting for a frame, because colours move nothing.
  function inThemes(themes, look) {
    return themes.flatMap((theme) => {
      document.documentElement.dataset.theme = theme;
      finishAnimations();
      return look().map((fault) => `${theme}: ${fault}`);
    });
  }

  // What opens at the same position with the same words has been checked on another page.
  const seen = new Set(JSON.parse(sessionStorage.getItem("layout-seen") ?? "[]"));

  function wasSeen(opener) {
    const target = document.getElementById(opener.getAttribute("popovertarget") ?? opener.dataset.openDialog);
    if (!target) return false;
    const { left, top } = opener.getBoundingClientRect();
    const key = [
      innerWidth,
      Math.round(left),
      Math.round(top),
      nameOf(opener),
      target.textContent.replace(/\s+/g, " "),
    ].join("|");
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  }

  function close(opener, box) {
    if (opener.localName === "summary") box.open = false;
    else if (box?.matches("dialog")) box.close();
    else if (box?.matches("[popover]")) box.hidePopover();
    else if (box?.id === "contact-pane") document.querySelector("[data-toggle-pane]").click();
    else if (box?.id === "canned-list") {
      const field = document.querySelector("[data-text]");
      field.value = "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (opener.matches("[role=tab]")) document.querySelector("[role=tab]")?.click();
  }

  async function ofOpened(opener, themes) {
    const wasOpen = opener.localName === "summary" && opener.parentElement.open;
    opener.scrollIntoView({ block: "center", behavior: "instant" });
    opener.click();
    await settle();
    const box = opened(opener);
    if (!box || !isVisible(box)) return [`${nameOf(opener)} opens nothing that is seen`];
    if (wasOpen) {
      box.open = true;
      return [];
    }
    const wrong = [
      ...ofPosition(box),
      ...inThemes(themes, () => [...ofTheDocument(), ...ofBoxes(box), ...ofControls(box)]),
    ];
    close(opener, box);
    return wrong.map((words) => `${nameOf(opener)} opened: ${words}`);
  }

  function ofPosition(box) {
    const sides = box.getBoundingClientRect();
    const outside = sides.left < -1 || sides.right > innerWidth + 1;
    const above =
      box.matches("[popover], dialog, #canned-list, #contact-pane") &&
      (sides.top < -1 || sides.bottom > innerHeight + 1);
    if (!outside && !above) return [];
    return [
      `it reaches from ${Math.round(sides.left)}, ${Math.round(sides.top)} to ${Math.round(sides.right)}, ${Math.round(sides.bottom)}`,
    ];
  }

  window.layoutFaults = async (language, themes = THEMES) => {
    await settle();
    if (document.documentElement.lang !== language) return [`the page is in “${document.documentElement.lang}”`];
    const wrong = inThemes(themes, () => [...ofTheDocument(), ...ofBoxes(document.body), ...ofControls(document.body)]);
    for (const selector of OPENERS) {
      for (const opener of openersOf(selector)) {
        if (opener.isConnected && isVisible(opener) && !wasSeen(opener))
          wrong.push(...(await ofOpened(opener, themes)));
      }
    }
    sessionStorage.setItem("layout-seen", JSON.stringify([...seen]));
    return [...new Set(wrong)];
  };
})();
