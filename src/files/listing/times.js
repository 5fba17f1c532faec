for (const time of document.querySelectorAll('time')) {
  const date = new Date(time.dateTime);
  const local = new Date(date - date.getTimezoneOffset() * 60000);
  time.textContent = local.toISOString().slice(0, 16).replace('T', ' ');
  time.title = date;
}
document.querySelector('#zone')?.remove();
