/** Paths of the icons, drawn with a pen of 1.6 in a square of 20. */
export const icons = {
  topology: 'M3 10h5m4 0h5M8 7h4v6H8zM3 7.5v5M17 7.5v5',
  walk: 'M3 14c4 0 3-8 7-8s3 8 7 8M3 14h.01M17 14h.01M10 6h.01',
  doctor: 'M3 10h3l2-5 4 10 2-5h3',
  plan: 'M5 3h7l3 3v11H5zM8 9h4M8 12h4',
  lesson: 'M10 5c-2-1.5-4.5-1.5-7-1v11c2.5-.5 5-.5 7 1 2-1.5 4.5-1.5 7-1V4c-2.5-.5-5-.5-7 1zm0 0v11',
  sun: 'M10 6.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.500m0 13V18m8-8h-1.500m-13 0H2m13.657-5.657-1.06 1.060m-9.193 9.193-1.061 1.061m11.314 0-1.06-1.061M5.404 5.404 4.343 4.343',
  moon: 'M16.5 12.200A7 7 0 0 1 7.8 3.500a7 7 0 1 0 8.7 8.7',
  system: 'M3 4h14v9H3zM7.5 16.500h5M10 13v3.5',
  help: 'M7.5 7.500a2.5 2.5 0 1 1 3.6 2.240c-.7.35-1.1.9-1.1 1.760M10 14.500h.01M10 2.500a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15',
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7 7h9v10H7zM13 7V3H4v10h3',
  check: 'M4 10.500l4 4 8-9',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  fit: 'M3 8V3h5M12 3h5v5M17 12v5h-5M8 17H3v-5',
  save: 'M10 3v9m0 0l-3.5-3.500M10 12l3.5-3.500M3 14v3h14v-3',
  open: 'M3 16V4h5l2 2h7v10z',
  play: 'M6 4l10 6-10 6z',
  pause: 'M6.5 4v12M13.5 4v12',
  next: 'M7 4l6 6-6 6',
  previous: 'M13 4l-6 6 6 6',
  first: 'M15 4l-6 6 6 6M6 4v12',
  last: 'M5 4l6 6-6 6M14 4v12',
  warning: 'M10 3l7.5 13.500h-15zM10 8v4M10 14.300h.01',
  table: 'M3 4h14v12H3zM3 8h14M8 8v8',
  language:
    'M3 5h8M7 3v2M9.5 5c-.5 3-3 5.5-6 6.500M5 8c1 1.5 2.5 2.8 4.5 3.500M10 17l3.5-8 3.5 8M11.2 14.500h4.6',
} as const

export type IconName = keyof typeof icons
