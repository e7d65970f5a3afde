// One image at its own size: two of its layers over each other, wiped by a line or flipped between.
function makeViewer(section, layers) {
  const [left, right] = section.querySelectorAll("select.layer"), line = section.querySelector("input[type=range]");
  const times = section.querySelector("select.times"), stage = section.querySelector(".stage");
  const [below, above] = stage.querySelectorAll("img"), mark = stage.querySelector("i");
  function show() {
    const share = Number(line.value);
    above.src = layers[left.value].address;
    above.alt = layers[left.value].name;
    below.src = layers[right.value].address;
    below.alt = layers[right.value].name;
    above.style.clipPath = "inset(0 " + (100 - share) + "% 0 0)";
    mark.style.left = share + "%";
    mark.hidden = share === 0 || share === 100;
    line.setAttribute("aria-valuetext", share + " % " + layers[left.value].name);
    section.querySelector("output").textContent =
      share === 100 ? layers[left.value].name : share === 0 ? layers[right.value].name
        : layers[left.value].name + " | " + layers[right.value].name;
  }
  function size() {
    // A pixel of the image is a pixel of the screen, whatever the page's zoom.
    const width = Number(stage.dataset.width) * Number(times.value) / (window.devicePixelRatio || 1);
    stage.style.width = width + "px";
  }
  function wipe(event) {
    const box = stage.getBoundingClientRect();
    line.value = String(Math.round(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
    show();
  }
  stage.addEventListener("pointerdown", event => { stage.setPointerCapture(event.pointerId); wipe(event); });
  stage.addEventListener("pointermove", event => { if (event.buttons) wipe(event); });
  section.querySelector("[name=flip]").addEventListener("click", () => {
    line.value = Number(line.value) === 100 ? "0" : "100";
    show();
  });
  [left, right].forEach(select => select.addEventListener("change", show));
  line.addEventListener("input", show);
  times.addEventListener("change", size);
  addEventListener("resize", size);
  section.hidden = false;
  size();
  show();
}
