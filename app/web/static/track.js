// Shows what is new when it happens, waits for pictures in the making, hands out its link.
"use strict";
(() => {
  const LOOK_SECONDS = 20;
  const TRIES = 10;
  const main = document.querySelector("main");
  const news = document.getElementById("news");
  const steps = () => document.getElementById("steps").dataset;
  // Thanks are said once: not to who opens the link again or gets it.
  const here = new URL(location.href);
  if (here.searchParams.has("thanks")) {
    here.searchParams.delete("thanks");
    history.replaceState(null, "", here);
  }
  // What is being typed must not be taken away by a newer page. A page that was refused has no tag, and is left alone.
  let typing = !steps().tag;

  // A picture that was just sent is made ready by a job: some seconds.
  const wait = (image) => {
    const again = (tries) => {
      if (tries > TRIES) return;
      image.addEventListener("error", () => again(tries + 1), { once: true });
      setTimeout(() => { image.src = image.getAttribute("src"); }, 1000 * tries);
    };
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) again(1);
    else image.addEventListener("error", () => again(1), { once: true });
  };

  const offer = () => {
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
  };

  // This browser can be told of each step: it asks its owner, gets an address of its own, and the report keeps that.
  const asBytes = (key) => Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  const offerPush = () => {
    const button = document.getElementById("push");
    if (!button || !window.PushManager || !navigator.serviceWorker || Notification.permission === "denied") return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        if (await Notification.requestPermission() !== "granted") throw new Error("denied");
        const worker = await navigator.serviceWorker.register(button.dataset.worker);
        const known = await worker.pushManager.getSubscription();
        const wanted = { userVisibleOnly: true, applicationServerKey: asBytes(button.dataset.key) };
        const subscription = known || await worker.pushManager.subscribe(wanted);
        const body = { contact: JSON.stringify(subscription), channel: "push", language: document.documentElement.lang };
        const answer = await fetch(button.dataset.address, {
          method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
        });
        if (!answer.ok) throw new Error(`${answer.status}`);
        location.reload();
      } catch {
        button.disabled = false;
        news.textContent = button.dataset.sorry;
        button.textContent = button.dataset.sorry;
      }
    });
  };

  const begin = () => {
    offerPush();
    main.querySelectorAll("form").forEach((form) => {
      ["click", "focusin", "input"].forEach((kind) => form.addEventListener(kind, () => { typing = true; }));
    });
    main.querySelectorAll("img").forEach(wait);
    offer();
  };

  const show = (page) => {
    main.replaceChildren(...page.querySelector("main").childNodes);
    begin();
    document.dispatchEvent(new Event("shown"));
    const latest = document.querySelector("#history li p");
    news.textContent = latest ? latest.textContent : "";
  };

  let looking = false;
  let missed = false;
  const look = async () => {
    if (document.hidden || typing) return;
    if (looking) { missed = true; return; }
    looking = true;
    missed = false;
    try {
      const answer = await fetch(location.href, { headers: { "If-None-Match": steps().tag }, cache: "no-store" });
      const text = answer.status === 200 ? await answer.text() : "";
      if (text && !typing) show(new DOMParser().parseFromString(text, "text/html"));
    } catch { /* offline: the next look may succeed */ }
    looking = false;
    if (missed) look();
  };

  // The stream comes back by itself, and tells what was missed. Where there is none, the page looks now and then; it
  // does so beside the stream too, which tells of steps alone: how many have reported it changes without one.
  const { events, kinds } = steps();
  let stream = null;
  if (events && window.EventSource) {
    stream = new EventSource(events);
    kinds.split(" ").forEach((kind) => stream.addEventListener(kind, look));
  }
  const streams = () => stream && stream.readyState === EventSource.OPEN;
  let turn = 0;
  setInterval(() => {
    turn += 1;
    if (!streams() || turn % 6 === 0) look();
  }, 1000 * LOOK_SECONDS);
  document.addEventListener("visibilitychange", look);

  // Filed: what the form kept on this device is not needed any more.
  try { localStorage.removeItem("draft"); } catch { /* nothing was kept */ }
  begin();
})();
