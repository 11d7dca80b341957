// Reloads the page when there is something new, waits for pictures in the making, hands out its link.
"use strict";
(() => {
  const tag = document.getElementById("steps").dataset.tag;
  const LOOK_SECONDS = 20;
  // Thanks are said once: not to who opens the link again or gets it.
  const here = new URL(location.href);
  if (here.searchParams.has("thanks")) {
    here.searchParams.delete("thanks");
    history.replaceState(null, "", here);
  }
  // What is being typed must not be taken away by a newer page. A page that was refused has no tag, and is left alone.
  let typing = !tag;
  document.querySelectorAll("main form").forEach((form) => {
    ["click", "focusin", "input"].forEach((kind) => form.addEventListener(kind, () => { typing = true; }));
  });
  const look = async () => {
    if (document.hidden || typing) return;
    try {
      const answer = await fetch(location.href, { headers: { "If-None-Match": tag }, cache: "no-store" });
      if (answer.status === 200) location.reload();
    } catch { /* offline: the next look may succeed */ }
  };
  setInterval(look, 1000 * LOOK_SECONDS);
  document.addEventListener("visibilitychange", look);

  // A picture that was just sent is made ready by a job: some seconds.
  const TRIES = 10;
  document.querySelectorAll("main img").forEach((image) => {
    const again = (tries) => {
      if (tries > TRIES) return;
      image.addEventListener("error", () => again(tries + 1), { once: true });
      setTimeout(() => { image.src = image.getAttribute("src"); }, 1000 * tries);
    };
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) again(1);
    else image.addEventListener("error", () => again(1), { once: true });
  });

  // Filed: what the form kept on this device is not needed any more.
  try { localStorage.removeItem("draft"); } catch { /* nothing was kept */ }

  const copy = document.getElementById("copy");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(location.href);
      copy.textContent = copy.dataset.done;
    });
  }
  const share = document.getElementById("share");
  if (navigator.share) {
    share.hidden = false;
    share.addEventListener("click", () => navigator.share({ title: document.title, url: location.href }).catch(() => {}));
  }
})();
