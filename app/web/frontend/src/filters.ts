// The form of filters, and the query of tiles and lists that says the same.

const NAMES = ["state", "class", "item", "period", "street"] as const;

export const filtersOf = (form: HTMLFormElement): URLSearchParams => {
  const filters = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value && (NAMES as readonly string[]).includes(name)) filters.append(name, String(value));
  }
  return filters;
};

// Without a tick the service shows all: so the last one stays, and what is ticked is what is shown.
export const keepOneState = (form: HTMLFormElement, changed: EventTarget | null): void => {
  const states = [...form.querySelectorAll<HTMLInputElement>("input[name=state]")];
  if (!states.some((each) => each.checked) && states.includes(changed as HTMLInputElement)) {
    (changed as HTMLInputElement).checked = true;
  }
};
