// The list beside the map: what lies in view, for who reads and for who listens. The server writes it.

import { type PageData, readPiece, say, wasTakenBack } from "./data";

const STEP = 20;
const MOST = 200;

// Lines that did not change stay as they are: with them focus, scroll and what was selected.
const renew = (box: HTMLElement, fresh: Iterable<Element>): void => {
  const known = new Map([...box.children].map((line) => [line.outerHTML, line]));
  const wanted = [...fresh].map((line) => known.get(line.outerHTML) ?? line);
  for (const line of [...box.children]) if (!wanted.includes(line)) line.remove();
  wanted.forEach((line, place) => {
    if (box.children[place] !== line) box.insertBefore(line, box.children[place] ?? null);
  });
};

// What is said again though it did not change would be read out again.
const tell = (into: Element, text: string): void => {
  if (into.textContent !== text) into.textContent = text;
};

export class Lister {
  private asking: AbortController | null = null;
  private most = STEP;
  private readonly box = document.getElementById("lines")!;
  private readonly following = document.getElementById("following")!;
  private readonly said = document.querySelector("#listed > span:first-child")!;
  private readonly counted = document.querySelector<HTMLElement>("#listed > .unseen")!;

  constructor(
    private readonly page: PageData,
    private readonly question: () => URLSearchParams,
  ) {
    this.following.addEventListener("click", (event) => {
      if (!(event.target as Element).closest("a")) return;
      event.preventDefault();
      void this.more();
    });
  }

  // Asked again before the answer is there, the older question is taken back.
  async show(): Promise<void> {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const query = this.question();
    query.set("limit", String(this.most));
    try {
      this.take(await readPiece(`/map/lines?${query}`, asking.signal));
    } catch (fault) {
      if (wasTakenBack(fault)) return;
      tell(this.said, say(this.page, "map_unreachable"));
    } finally {
      if (this.asking === asking) this.asking = null;
    }
  }

  // Who asked for more goes on with the first line of it.
  private async more(): Promise<void> {
    const before = this.box.children.length;
    this.most += STEP;
    await this.show();
    this.box.children[before]?.querySelector("a")?.focus({ preventScroll: true });
  }

  // On a slow line the answer is waited for.
  refresh(): void {
    if (!this.asking) void this.show();
  }

  lineOf(id: string): HTMLElement | null {
    return this.box.querySelector(`a[data-id="${CSS.escape(id)}"]`);
  }

  private take(piece: Document): void {
    const focused = (document.activeElement?.closest("#lines a") as HTMLElement | null)?.dataset.id;
    renew(this.box, piece.getElementById("lines")!.children);
    if (focused && !this.box.contains(document.activeElement)) {
      (this.lineOf(focused) ?? document.getElementById("list-title"))?.focus({ preventScroll: true });
    }
    renew(this.following, this.most < MOST ? piece.getElementById("following")!.children : []);
    const counted = piece.querySelector<HTMLElement>("#listed > .unseen")!;
    tell(this.said, piece.querySelector("#listed > span:first-child")!.textContent!);
    tell(this.counted, counted.textContent!);
    for (const shown of document.querySelectorAll<HTMLElement>("[data-count]")) {
      tell(shown, counted.dataset[shown.dataset.count!] ?? "");
    }
  }
}
