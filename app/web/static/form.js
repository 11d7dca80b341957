// Makes the form easier where scripts run. Everything here can be done without it.
"use strict";
(() => {
  const form = document.getElementById("report");
  const find = (id) => document.getElementById(id);
  const words = form.dataset;
  const KEPT = ["item", "description", "contact", "lon", "lat", "accuracy"];
  document.querySelectorAll(".scripted").forEach((each) => { each.hidden = false; });

  // Position
  const say = (id, text, bad = false) => {
    find(id).textContent = text;
    find(id).classList.toggle("bad", bad);
  };
  find("locate").addEventListener("click", () => {
    if (!window.isSecureContext || !navigator.geolocation) {
      say("position", words.insecure, true);
      return;
    }
    say("position", words.asking);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        find("lon").value = coords.longitude.toFixed(6);
        find("lat").value = coords.latitude.toFixed(6);
        find("accuracy").value = Math.round(coords.accuracy);
        find("datum").value = "wgs84";
        say("position", words.set.replace("{metres}", Math.round(coords.accuracy)));
      },
      () => say("position", words.denied, true),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 },
    );
  });

  // Previews
  find("photos").addEventListener("change", (event) => {
    const list = find("previews");
    list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    list.replaceChildren(...[...event.target.files].slice(0, 6).map((file) => {
      const line = document.createElement("li");
      const image = document.createElement("img");
      image.src = URL.createObjectURL(file);
      image.alt = file.name;
      line.append(image);
      return line;
    }));
    list.hidden = event.target.files.length === 0;
  });

  // Search of the catalogue
  const options = [...find("item").querySelectorAll("option[value]:not([value=''])")];
  find("search").addEventListener("input", (event) => {
    const asked = event.target.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (option) => asked.every((word) => option.dataset.words.toLowerCase().includes(word));
    const found = asked.length ? options.filter(fits).slice(0, 6) : [];
    find("matches").replaceChildren(...found.map((option) => {
      const line = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = option.textContent;
      button.addEventListener("click", () => {
        find("item").value = option.value;
        find("search").value = "";
        find("matches").hidden = true;
        find("item").focus();
        keep();
      });
      line.append(button);
      return line;
    }));
    find("matches").hidden = found.length === 0;
  });
  find("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      find("matches").querySelector("button")?.click();
    }
  });

  // What was typed survives a lost page; it leaves the device only with the form.
  const STORE = "draft";
  const keep = () => {
    const kept = Object.fromEntries(KEPT.map((name) => [name, form.elements[name].value]));
    try { localStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* private mode: nothing is kept */ }
  };
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) || "{}");
    KEPT.forEach((name) => { if (!form.elements[name].value && kept[name]) form.elements[name].value = kept[name]; });
  } catch { /* nothing was kept */ }
  form.addEventListener("input", keep);

  form.addEventListener("submit", (event) => {
    if (!navigator.onLine) {
      event.preventDefault();
      keep();
      say("progress", words.offline, true);
      return;
    }
    find("send").disabled = true;
    say("progress", words.sending);
    try { localStorage.removeItem(STORE); } catch { /* nothing was kept */ }
  });
  window.addEventListener("pageshow", () => { find("send").disabled = false; say("progress", ""); });
})();
