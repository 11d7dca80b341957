// The page /map. Without this script the page still lists and filters: the server wrote the list.

import { chosenOf, keepWithLanguage, writeFilters } from "./address";
import { type PageData, readPage, say } from "./data";
import { Detail } from "./detail";
import { filtersOf, keepOneState } from "./filters";
import { Lister } from "./list";
import { View } from "./view";

// What was fixed a moment ago is to be seen without a reload, within five seconds.
const FRESH_MS = 4000;

const element = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;

// Where there is room for all filters, all are seen.
const WIDE = "(min-width: 56rem)";

const tellTrouble = (text: string): void => {
  const line = element("trouble");
  line.textContent = text;
  line.hidden = false;
};

const positionOf = (text: string | undefined): [number, number] | null =>
  text ? (text.split(",").map(Number) as [number, number]) : null;

const start = (page: PageData): void => {
  const [form, holder, panel] = [element<HTMLFormElement>("filters"), element("map"), element("detail")];
  let [view, here]: [View | null, [number, number] | null] = [null, null];

  const lister = new Lister(page, () => {
    const query = filtersOf(form);
    const place = view?.place ?? (here ? { near: here.join(",") } : {});
    for (const [name, value] of Object.entries(place)) query.set(name, value);
    query.set("lang", page.language);
    return query;
  });
  const detail = new Detail(panel, page, (id) => view?.choose(id), (id) => lister.lineOf(id));

  holder.hidden = false;
  document.documentElement.classList.add("mapped");
  try {
    const at = positionOf(panel.querySelector<HTMLElement>("article")?.dataset.at);
    view = new View(holder, page, () => filtersOf(form), (id, from) => detail.open(id, from), tellTrouble, at);
    view.choose(detail.id);
    view.onMove(() => void lister.show());
  } catch {
    // No WebGL: filters, list and links work all the same.
    holder.hidden = true;
    document.documentElement.classList.remove("mapped");
  }
  void lister.show();

  if (matchMedia(WIDE).matches) form.querySelector("details")!.open = true;
  form.addEventListener("change", (event) => {
    keepOneState(form, event.target);
    writeFilters(filtersOf(form), page.language);
    view?.redraw();
    void lister.show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  element("lines").addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-id]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    detail.open(link.dataset.id!, link);
  });
  panel.addEventListener("click", (event) => {
    const link = (event.target as Element).closest(".to-place");
    const at = positionOf(link?.closest<HTMLElement>("article")?.dataset.at);
    if (!view || !at) return;
    event.preventDefault();
    view.go(at);
    holder.scrollIntoView({ block: "nearest" });
  });
  addEventListener("popstate", () => {
    const id = chosenOf();
    if (id === detail.id) return;
    if (id) void detail.show(id);
    else detail.hide();
    // Filters that were changed since then stay as the form has them.
    writeFilters(filtersOf(form), page.language);
  });
  keepWithLanguage(document.querySelector<HTMLAnchorElement>("a.language"));

  const near = element<HTMLButtonElement>("near-me");
  near.hidden = !("geolocation" in navigator);
  near.addEventListener("click", () => {
    tellTrouble(say(page, "position_asking"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        element("trouble").hidden = true;
        here = [Number(coords.longitude.toFixed(5)), Number(coords.latitude.toFixed(5))];
        if (view) view.go(here);
        else void lister.show();
      },
      () => tellTrouble(say(page, "position_denied")),
    );
  });

  const refresh = (): void => {
    if (document.hidden) return;
    view?.refresh();
    lister.refresh();
    void detail.refresh();
  };
  setInterval(refresh, FRESH_MS);
  document.addEventListener("visibilitychange", refresh);
};

start(readPage());
