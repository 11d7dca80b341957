// The signs of the states as images of the map, drawn from the paths that the page shows beside the filters.

export type Color = { land: string; water: string; line: string; ink: string; halo: string; asset: string; open: string; fixed: string; closed: string };
export type State = "open" | "fixed" | "closed";

const SIDE = 20; // of the view box
export const RATIO = 4;

// A sign with its mark, or plain with room for a number. What is fixed is hollow: it differs without any color.
export const drawSign = (state: State, plain: boolean, color: Color): ImageData => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE * RATIO;
  const pen = canvas.getContext("2d")!;
  const [body, mark] = ["body", "mark"].map(
    (part) => new Path2D(document.querySelector(`#filters [data-state=${state}] .${part}`)!.getAttribute("d")!),
  ) as [Path2D, Path2D];
  const hollow = state === "fixed";
  pen.scale(RATIO, RATIO);
  pen.lineCap = pen.lineJoin = "round";
  const stroke = (path: Path2D, width: number, style: string): void => {
    pen.lineWidth = width;
    pen.strokeStyle = style;
    pen.stroke(path);
  };
  stroke(body, 3, color.halo);
  pen.fillStyle = hollow ? color.halo : color[state];
  pen.fill(body);
  if (hollow) stroke(body, 2.2, color.fixed);
  if (!plain) stroke(mark, 2.2, hollow ? color.fixed : color.halo);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
};
