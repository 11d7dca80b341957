// Reloads the page when there is something new, and copies its link.
"use strict";
(() => {
  const address = document.getElementById("steps").dataset.track;
  const SECONDS = 20;
  let tag = null;
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      const now = answer.headers.get("ETag");
      if (answer.status === 200 && tag && now !== tag) location.reload();
      if (answer.status === 200) tag = now;
    } catch { /* offline: the next look may succeed */ }
  };
  look();
  setInterval(look, 1000 * SECONDS);

  const copy = document.getElementById("copy");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(location.href);
      copy.textContent = copy.dataset.done;
    });
  }
})();
