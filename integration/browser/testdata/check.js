// What is wrong with a page for those who cannot see all of it: a list of sentences.
(() => {
  const wrong = [];
  const name = (el) => `<${el.tagName.toLowerCase()}${el.id ? " id=" + el.id : ""}${el.name ? " name=" + el.name : ""}> ${(el.textContent || "").trim().slice(0, 40)}`;
  const seen = (el) => { const r = el.getBoundingClientRect(); return r.width > 0 && r.height > 0 && getComputedStyle(el).visibility !== "hidden"; };
  for (const el of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!el.labels?.length && !el.getAttribute("aria-label")) wrong.push("a field has no label: " + name(el));
  }
  for (const el of document.querySelectorAll("a[href], button, summary")) {
    if (!el.textContent.trim() && !el.getAttribute("aria-label")) wrong.push("nothing says what this does: " + name(el));
  }
  for (const el of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden]):not([aria-label])")) wrong.push("a picture says nothing: " + name(el));
  const ids = new Set();
  for (const el of document.querySelectorAll("[id]")) { if (ids.has(el.id)) wrong.push("an id is there twice: " + el.id); ids.add(el.id); }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not one heading of the page");
  if (!document.documentElement.lang) wrong.push("the page does not say its language");
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push(`the page is ${document.documentElement.scrollWidth} pixels wide in a window of ${innerWidth}`);

  // Contrast, as WCAG 2 computes it. A canvas reads whatever colour CSS may say.
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] / 255 + b[i] * (1 - a[3] / 255)).concat(255);
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), rgba("Canvas"));
  };
  const done = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const el = n.parentElement;
    if (!n.textContent.trim() || done.has(el) || !seen(el) || el.closest(".skip, option")) continue;
    done.add(el);
    const style = getComputedStyle(el), back = behind(el), fore = over(rgba(style.color), back);
    const [a, b] = [light(fore), light(back)], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast is ${ratio.toFixed(2)}: ${name(el)}`);
  }
  return wrong;
})()
