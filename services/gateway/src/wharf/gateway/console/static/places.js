// Where something of ours is: a proxy may show us below a path of its host (WHARF_BASE_PATH).
const base = document.querySelector('meta[name="wharf-base"]').content;

export const beneath = (path) => base + path;

// This page, as beneath() takes it.
export const here = () => window.location.pathname.slice(base.length) + window.location.search;
