// Shares the address of a work order by the phone's own sheet, or copies it.
"use strict";
const showShares = () => document.querySelectorAll("button[data-share]").forEach((button) => { button.hidden = false; });
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-share]");
  if (!button) return;
  const url = new URL(button.dataset.share, location.href).href;
  try {
    if (navigator.share) { await navigator.share({ url, title: document.title }); return; }
    await navigator.clipboard.writeText(url);
    button.textContent = button.dataset.copied;
  } catch (fault) {
    // The sheet was closed, or nothing may be copied here: the address bar has it.
  }
});
document.addEventListener("shown", showShares);
showShares();
