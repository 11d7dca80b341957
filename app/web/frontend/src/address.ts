// The address of the page: language, filters, the work order in the panel, and behind # the place of the map.

const query = (): URLSearchParams => new URLSearchParams(location.search);
const at = (search: URLSearchParams, hash = location.hash): string => `${location.pathname}?${search}${hash}`;

export const chosenOf = (): string => query().get("w") ?? "";

export const writeFilters = (filters: URLSearchParams, language: string): void => {
  const next = new URLSearchParams(filters);
  next.set("lang", language);
  if (chosenOf()) next.set("w", chosenOf());
  history.replaceState(history.state, "", at(next));
};

// Opening the panel is a step that the button "back" takes back; going on from one to the next is none.
export const writeChosen = (id: string): void => {
  const next = query();
  const was = chosenOf();
  next.set("w", id);
  if (was) history.replaceState(history.state, "", at(next));
  else history.pushState({ panel: true }, "", at(next));
};

// True where the step back that closes the panel is under way; its event tells the page.
export const leaveChosen = (): boolean => {
  if ((history.state as { panel?: boolean } | null)?.panel) {
    const hash = location.hash;
    // The map stays where it is now, not where it was when the panel was opened.
    addEventListener("popstate", () => history.replaceState(history.state, "", at(query(), hash)), { once: true });
    history.back();
    return true;
  }
  const next = query();
  next.delete("w");
  history.replaceState(history.state, "", at(next));
  return false;
};

// The other language shows the same: filters, place and work order.
export const keepWithLanguage = (link: HTMLAnchorElement | null): void =>
  link?.addEventListener("click", () => {
    const next = query();
    next.set("lang", link.lang);
    link.href = at(next);
  });
