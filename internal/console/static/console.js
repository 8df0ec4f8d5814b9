// Times as the viewer's clock has them; the exact one stays in the title.
(() => {
  const day = new Intl.DateTimeFormat(undefined, {month: "short", day: "numeric"});
  const clock = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"});
  const show = (el) => {
    const t = new Date(el.dateTime);
    if (el.dataset.shown || isNaN(t)) return;
    el.dataset.shown = "yes";
    const today = t.toDateString() === new Date().toDateString();
    const year = t.getFullYear() === new Date().getFullYear() ? "" : t.getFullYear() + " ";
    el.textContent = today ? clock.format(t) : year + day.format(t) + " " + clock.format(t);
  };
  const all = (root) => root.querySelectorAll("time[datetime]").forEach(show);
  all(document);
  new MutationObserver((changes) => {
    for (const c of changes) for (const n of c.addedNodes) if (n.nodeType === 1) { if (n.matches("time[datetime]")) show(n); all(n); }
  }).observe(document.body, {childList: true, subtree: true});

  // The list of events keeps its length while new ones come.
  const rows = document.getElementById("rows");
  if (rows) new MutationObserver(() => { while (rows.rows.length > 200) rows.lastElementChild.remove(); }).observe(rows, {childList: true});

  // What was wrong with a field may be right once it is written to.
  document.addEventListener("input", (e) => e.target.closest("label")?.querySelector(".fault")?.remove());

  // "/" goes to the first field of the page's filter.
  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
    const field = document.querySelector("form.filter input");
    if (field) { e.preventDefault(); field.focus(); }
  });
})();
