// Lays the picture of after over the one of before; a slider says how much of it is seen.
"use strict";
const compare = (box) => {
  const label = box.querySelector("label"), slider = box.querySelector("input");
  const show = () => {
    box.style.setProperty("--seen", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", slider.dataset.says.replace("%d", 100 - slider.value));
  };
  box.classList.add("over");
  label.hidden = false;
  slider.addEventListener("input", show);
  show();
  // A small page on a bad network has the small ones until somebody slides.
  const WIDE = 400;
  const sharpen = () => box.querySelectorAll("img").forEach((image) => { image.src = image.dataset.large; });
  if (box.clientWidth > WIDE) sharpen();
  else slider.addEventListener("input", sharpen, { once: true });
  // A link below a slider would be followed by mistake.
  box.querySelectorAll("a").forEach((link) => link.removeAttribute("href"));
};
const compareAll = () => document.querySelectorAll("[data-compare]:not(.over)").forEach(compare);
compareAll();
document.addEventListener("shown", compareAll);
