/** The doctor's view: a healthy space, and one whose masquerading is left out. */
import { expect, test } from 'bun:test'
import { ask, labPage, overhang, picture } from '../support/browser.ts'

const lab = labPage()

test('a healthy space: nothing is wrong, and what was looked at is listed', async () => {
  const page = await lab.open('doctor')
  await page.getByLabel('To (optional)').fill('192.168.1.15')
  await page.getByRole('button', { name: 'Examine' }).click()
  await page.getByRole('heading', { name: 'Nothing is wrong' }).waitFor()
  await page.getByText(/^As it should be \(\d+\)$/).click()
  await page.getByText('the gateway 192.168.45.2 is the other end of the cable').waitFor()
  await page.context().close()
})

test('without the eighth step: the one cause, its evidence, its remedy and the way back', async () => {
  const page = await lab.open('doctor/myspace', { permissions: ['clipboard-read', 'clipboard-write'] })
  await ask(page, 'POST', '/api/lab', { without: 8 })
  await page.getByLabel('To (optional)').fill('192.168.1.15')
  await page.keyboard.press('Enter')
  const finding = page.locator('article[data-code=NAT-NONE]')
  await finding.getByText('The source address is not translated').waitFor()
  await finding.getByText('no nat chain at the hook postrouting translates it').waitFor()
  await finding.getByText('NOT-ANSWERED').waitFor()
  const remedy = 'iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE'
  await finding.getByText(remedy).waitFor()
  await finding.getByText(remedy.replace('-A', '-D')).waitFor()
  expect(await page.locator('article').count()).toBe(1)
  await finding.getByRole('button', { name: 'Copy: To mend it' }).click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(remedy)
  await picture(page, 'doctor-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await picture(page, 'doctor-dark')
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overhang(page)).toBe(0)
  await picture(page, 'doctor-360')
  // The picture knows of it as well.
  await page.evaluate(() => {
    location.hash = '#/topology'
  })
  await page.getByRole('button', { name: /^Space myspace, drifted, 1 finding/ }).waitFor()
  await page.context().close()
})

test('a destination that is none is refused in words', async () => {
  const page = await lab.open('doctor/myspace')
  await page.getByLabel('To (optional)').fill('192.168.1.15:99999')
  await page.getByRole('button', { name: 'Examine' }).click()
  const problem = page.getByRole('alert')
  await problem.waitFor()
  expect(await problem.textContent()).toContain('99999')
  lab.complaints.splice(
    0,
    lab.complaints.length,
    ...lab.complaints.filter(text => !/status of 4\d\d/.test(text)),
  )
  await page.context().close()
})
