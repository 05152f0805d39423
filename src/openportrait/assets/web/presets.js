// Expressions as pictures; a click triggers "choose" with the place of the one that was clicked.
const strip = element.querySelector(".op-presets");

function button({ name, src }, place) {
  const made = document.createElement("button");
  const picture = document.createElement("img");
  const text = document.createElement("span");
  picture.src = src;
  picture.alt = "";
  text.textContent = name;
  made.type = "button";
  made.append(picture, text);
  made.addEventListener("click", () => trigger("choose", { place }));
  return made;
}

function show() { strip.replaceChildren(...(props.value || []).map(button)); }
watch("value", show);
show();
