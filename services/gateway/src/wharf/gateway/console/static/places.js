// Where something of ours is: a proxy may show us below a path of its host (WHARF_BASE_PATH).
export const beneath = (path) => document.querySelector('meta[name="wharf-base"]').content + path;
