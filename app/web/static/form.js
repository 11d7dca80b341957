// Makes the form easier where scripts run. Everything here can be done without it.
"use strict";
(() => {
  const form = document.getElementById("report");
  const find = (id) => document.getElementById(id);
  const words = JSON.parse(form.dataset.words);
  const say = (id, text, bad = false) => {
    find(id).textContent = text;
    find(id).classList.toggle("bad", bad);
  };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  };
  const later = (wait, act) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(act, wait); };
  };
  document.querySelectorAll(".scripted").forEach((each) => { each.hidden = false; });
  document.documentElement.classList.add("scripts");

  // Photos: one after the other by the camera adds up, and each can be taken out again.
  const MOST = 6;
  let photos = [];
  const known = (file) => photos.some((one) => one.name === file.name && one.size === file.size
    && one.lastModified === file.lastModified);
  const kept = () => form.querySelectorAll("[name=photo_ids]:checked").length;
  const showPhotos = () => {
    const bag = new DataTransfer();
    photos.forEach((file) => bag.items.add(file));
    find("photos").files = bag.files;
    const list = find("previews");
    list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    list.replaceChildren(...photos.map((file, place) => {
      const line = make("li");
      const image = make("img", "", { alt: file.name, src: URL.createObjectURL(file) });
      image.addEventListener("error", () => image.replaceWith(make("span", file.name)));
      const label = fill(words.photo_remove, { number: place + 1 });
      const remove = make("button", "×", { type: "button", class: "remove", "aria-label": label, title: label });
      remove.addEventListener("click", () => {
        photos.splice(place, 1);
        showPhotos();
        say("photos_status", "");
        find("photos").focus();
      });
      line.append(image, remove);
      return line;
    }));
    list.hidden = photos.length === 0;
  };
  find("photos").addEventListener("change", (event) => {
    const added = [...event.target.files].filter((file) => !known(file));
    const room = Math.max(0, MOST - kept() - photos.length);
    photos = [...photos, ...added.slice(0, room)];
    say("photos_status", added.length > room ? words.photos_most : "", true);
    showPhotos();
  });

  // Position
  find("locate").addEventListener("click", () => {
    if (!window.isSecureContext || !navigator.geolocation) {
      say("position", words.position_insecure, true);
      return;
    }
    say("position", words.position_asking);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        find("lon").value = coords.longitude.toFixed(6);
        find("lat").value = coords.latitude.toFixed(6);
        find("accuracy").value = Math.round(coords.accuracy);
        find("datum").value = "wgs84";
        say("position", fill(words.position_set, { metres: Math.round(coords.accuracy) }));
        look();
      },
      () => say("position", words.position_denied, true),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 },
    );
  });

  // Search of the catalogue: the service knows synonyms; without network the words of the page must do.
  const options = [...find("item").querySelectorAll("option[value]:not([value=''])")];
  const byCode = new Map(options.map((option) => [option.value, option]));
  const searchHere = (asked) => {
    const parts = asked.toLowerCase().split(/\s+/).filter(Boolean);
    return options.filter((option) => parts.every((part) => option.dataset.words.toLowerCase().includes(part)));
  };
  const searchThere = async (asked) => {
    const query = new URLSearchParams({ q: asked, language: form.dataset.language });
    const answer = await fetch(`/api/v1/items?${query}`);
    if (!answer.ok) throw new Error("no answer");
    return (await answer.json()).map((item) => byCode.get(item.code)).filter(Boolean);
  };
  const choose = (option) => {
    find("item").value = option.value;
    find("search").value = "";
    showMatches([], "");
    find("item").focus();
    keep();
    look();
  };
  const showMatches = (found, asked) => {
    find("matches").replaceChildren(...found.slice(0, 6).map((option) => {
      const line = make("li");
      const button = make("button", option.textContent, { type: "button" });
      button.append(make("small", option.parentElement.label));
      button.addEventListener("click", () => choose(option));
      line.append(button);
      return line;
    }));
    find("matches").hidden = found.length === 0;
    const count = Math.min(found.length, 6);
    say("found", asked ? (count ? fill(words.items_found, { count }) : words.items_nothing) : "");
  };
  const search = async () => {
    const asked = find("search").value.trim();
    const found = asked ? await searchThere(asked).catch(() => searchHere(asked)) : [];
    if (asked === find("search").value.trim()) showMatches(found, asked);
  };
  find("search").addEventListener("input", later(150, search));
  find("item").addEventListener("change", () => {
    find("search").value = "";
    showMatches([], "");
  });
  find("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    find("matches").querySelector("button")?.click();
  });

  // Is it one of these? Asked as soon as place and item are known; the server asks again who did not answer.
  let answer = null;
  const decide = (name, value, button) => {
    answer?.remove();
    form.querySelectorAll("#similar [aria-pressed]").forEach((each) => each.setAttribute("aria-pressed", "false"));
    const again = answer?.name === name && answer.value === value;
    answer = again || !name ? null : make("input", "", { type: "hidden", name, value });
    if (answer) {
      form.append(answer);
      button.setAttribute("aria-pressed", "true");
    }
    const status = find("same_status").dataset;
    say("same_status", answer ? (name === "same_as" ? status.chosen : status.another) : "");
  };
  const { language, timezone: timeZone } = form.dataset;
  const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone });
  const showSimilar = (found) => {
    find("similar_list").replaceChildren(...found.map((each) => {
      const line = make("li");
      const button = make("button", "", { type: "button", class: "choice", "aria-pressed": "false" });
      if (each.thumbnail) {
        const { pathname, search: query } = new URL(each.thumbnail);
        button.append(make("img", "", { src: pathname + query, alt: each.alt[document.documentElement.lang === "en" ? "en" : "zh"] }));
      }
      const text = make("span");
      const why = each.why[document.documentElement.lang === "en" ? "en" : "zh"];
      const named = language === "en" ? each.item.name_en || each.item.name_zh : each.item.name_zh || each.item.name_en;
      const facts = [
        why,
        words[`state_${each.state}`],
        fill(words.reported_by, { count: each.reports }),
      ];
      text.append(make("strong", named), make("small", facts.join(" · ")), make("em", words.same_yes));
      button.append(text);
      button.addEventListener("click", () => decide("same_as", each.id, button));
      line.append(button);
      return line;
    }));
    find("similar").hidden = found.length === 0;
  };
  let asked = "";
  const look = async () => {
    const asks = ["lon", "lat", "datum", "item", "accuracy"];
    const [lon, lat, datum, item, accuracy] = asks.map((id) => find(id).value.trim());
    const option = byCode.get(item);
    const wanted = lon && lat && option?.dataset.joining === "suggest";
    const query = wanted ? new URLSearchParams({ lon, lat, datum, item, accuracy: accuracy || 0 }).toString() : "";
    if (query === asked) return;
    asked = query;
    decide("", "");
    const found = query
      ? await fetch(`/api/v1/similar?${query}`).then((got) => (got.ok ? got.json() : []), () => [])
      : [];
    if (query === asked) showSimilar(found);
  };
  find("another").addEventListener("click", (event) => decide("another", "1", event.currentTarget));
  ["lon", "lat", "datum", "item"].forEach((id) => find(id).addEventListener("change", () => look()));

  // The words survive a lost page; they leave the device only with the form, and are forgotten once it is filed
  // (track.js). Never the position: a later report from elsewhere would carry it unseen.
  const STORE = "draft";
  const KEPT = ["item", "description", "contact"];
  const keep = () => {
    const now = Object.fromEntries(KEPT.map((id) => [id, find(id).value]));
    try { localStorage.setItem(STORE, JSON.stringify(now)); } catch { /* private mode: nothing is kept */ }
  };
  try {
    const before = JSON.parse(localStorage.getItem(STORE) || "{}");
    KEPT.forEach((id) => { if (!find(id).value && before[id]) find(id).value = before[id]; });
    if (find("item").selectedIndex < 0) find("item").value = "";
  } catch { /* nothing was kept */ }
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);

  form.addEventListener("submit", (event) => {
    keep();
    if (!navigator.onLine) {
      event.preventDefault();
      say("progress", words.offline, true);
      return;
    }
    find("send").disabled = true;
    say("progress", words.sending);
  });
  window.addEventListener("online", () => say("progress", ""));
  window.addEventListener("pageshow", () => { find("send").disabled = false; say("progress", ""); });
  look();
})();
